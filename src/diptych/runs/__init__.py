"""A run as an object: its folder, how it is built from a configuration, trained, resumed and found again."""
