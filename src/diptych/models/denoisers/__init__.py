"""Networks that see a noisy image, how noisy it is, and what its sentence says."""
