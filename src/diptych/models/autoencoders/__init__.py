"""Networks that make images small and whole again: encoders, bottlenecks and decoders."""
