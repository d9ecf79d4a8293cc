"""What a denoiser learns from besides its error."""
