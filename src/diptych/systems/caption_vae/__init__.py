"""A conditional variational autoencoder of captions: latents say which of the true sentences it is."""
