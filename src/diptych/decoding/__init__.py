"""Decoding captions: pure functions over a decoder's step, batched over images."""

from diptych.decoding.beam import beam
from diptych.decoding.captions import decode
from diptych.decoding.ensembles import mean_log_probs, mixture
from diptych.decoding.interface import Decoded, Restriction, Search, StepFunction, repeated, unrestricted
from diptych.decoding.sampling import greedy, sample, sample_rows

__all__ = [
    "Decoded",
    "Restriction",
    "Search",
    "StepFunction",
    "beam",
    "decode",
    "greedy",
    "mean_log_probs",
    "mixture",
    "repeated",
    "sample",
    "sample_rows",
    "unrestricted",
]
