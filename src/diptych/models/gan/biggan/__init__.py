"""BigGAN (Brock et al. 2019, arXiv:1809.11096), conditioned on sentences."""
