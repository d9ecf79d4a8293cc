"""Calibration of the judge: under what it is right how often, and where its limits stand."""

from .table import Plan, calibrate

__all__ = ["Plan", "calibrate"]
