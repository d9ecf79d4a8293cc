"""What the discriminator sees: random changes of real and generated images, drawn alike for both."""
