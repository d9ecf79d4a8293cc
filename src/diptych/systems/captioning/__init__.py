"""Captioners: an image encoder, a caption decoder, and the objective that trains them."""
