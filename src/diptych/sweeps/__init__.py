"""Sweeps: many runs under a supervisor that may be killed at any moment."""
