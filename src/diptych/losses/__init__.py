"""Losses: pure functions of tensors, one value per example; the systems reduce and log."""
