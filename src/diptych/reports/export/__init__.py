"""What an export says of its run: the figures that were measured, and a model card."""
