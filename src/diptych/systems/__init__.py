"""LightningModules: the algorithms that train models."""
