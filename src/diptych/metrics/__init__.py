"""Metrics: pure functions with thin torchmetrics wrappers."""
