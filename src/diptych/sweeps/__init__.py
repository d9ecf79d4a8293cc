"""Sweeps: many runs, carried out by a supervisor that may be killed at any moment."""
