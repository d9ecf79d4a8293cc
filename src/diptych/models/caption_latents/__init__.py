"""Latents of captions, given their image: who infers them, and how they are distributed before the caption is known."""
