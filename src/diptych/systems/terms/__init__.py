"""What networks of any family that makes images learn from besides their objective."""
