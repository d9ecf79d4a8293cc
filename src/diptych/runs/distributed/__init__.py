"""One run on several devices: topology, rendezvous, ranks, strategies."""
