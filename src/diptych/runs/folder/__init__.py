"""A run's folder: its layout, how a run is found, and the small files that say what it is."""
