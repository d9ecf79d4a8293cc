"""A run's folder: its layout, how to find a run, and the small files that describe it."""
