"""Noise levels, what a network predicts, and how images are sampled: pure functions of tensors."""
