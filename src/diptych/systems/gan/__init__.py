"""Generative adversarial networks: the two steps, and the terms that compose."""
