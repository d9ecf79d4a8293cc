"""How good is a run? Benchmarks over what it can do, each result kept with its protocol."""
