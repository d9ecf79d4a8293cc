"""Classifiers: an image encoder and a head for the data's labels."""
