"""StyleGAN2 (Karras et al. 2020, arXiv:1912.04958) at small sizes, conditioned on sentences."""
