"""Retrieval of the sentence that an image was generated from."""
