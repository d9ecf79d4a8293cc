"""Cycle consistency of a generator and a captioner."""
