"""What lies between encoder and decoder: nothing, Gaussian noise, or a finite set of codes."""
