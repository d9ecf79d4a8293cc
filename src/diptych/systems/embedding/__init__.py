"""Embeddings: an image encoder and a text encoder whose vectors lie close where they belong together."""
