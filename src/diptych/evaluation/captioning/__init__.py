"""Evaluation of captions."""
