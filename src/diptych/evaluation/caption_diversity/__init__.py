"""Exactness and diversity of sampled captions, over temperatures."""
