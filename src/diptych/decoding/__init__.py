"""Decoding captions: pure functions over a decoder's step, batched over images."""

from diptych.decoding.beam import beam
from diptych.decoding.captions import decode
from diptych.decoding.interface import Decoded, Search, StepFunction
from diptych.decoding.sampling import greedy, sample

__all__ = ["Decoded", "Search", "StepFunction", "beam", "decode", "greedy", "sample"]
