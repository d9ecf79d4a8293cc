"""Diptych's Hydra plugins; Hydra finds them by the name of this namespace package."""
