"""Captions by rules: a classifier of another run says what is in the image, templates or a grammar say it in words."""
