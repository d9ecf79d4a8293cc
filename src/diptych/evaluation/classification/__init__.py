"""Evaluation of classifiers, and their agreement with the judge."""
