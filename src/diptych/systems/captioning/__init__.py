"""Captioners: an image encoder and a caption decoder, and what they learn from."""
