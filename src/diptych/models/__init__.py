"""Models: pure networks; they know tensors and nothing about training."""
