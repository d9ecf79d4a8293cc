"""Networks that take noise away from images step by step: diffusion and flow."""
