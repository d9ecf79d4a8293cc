"""Hyper-parameter search: an Optuna study proposes runs from the results so far."""
