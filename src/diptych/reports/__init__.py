"""Self-contained HTML: what a run, and the demo, did, in pictures, curves and numbers."""
