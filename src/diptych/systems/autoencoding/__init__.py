"""Autoencoders: images to latents or codes and back."""
