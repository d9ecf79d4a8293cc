"""What Python and notebooks call: a run's configuration, and what it builds for a Trainer of one's own."""
