"""Calibration of the judge: its accuracy under nuisances, and its limits of legibility."""

from .table import CalibrationSize, calibrate

__all__ = ["CalibrationSize", "calibrate"]
