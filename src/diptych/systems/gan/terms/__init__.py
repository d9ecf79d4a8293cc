"""What a GAN's networks learn from besides the objective."""
