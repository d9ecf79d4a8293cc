"""Figures that can be trusted: pure functions with thin torchmetrics wrappers."""
