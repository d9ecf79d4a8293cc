"""Variational autoencoders of images and sentences."""
