"""Priors over an autoencoder's codes: images from sentences, code by code."""
