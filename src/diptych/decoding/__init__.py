"""Searching and sampling captions: pure functions over a decoder's step, batched, always ending in a caption."""

from diptych.decoding.beam import beam
from diptych.decoding.interface import Decoded, StepFunction
from diptych.decoding.sampling import greedy, sample

__all__ = ["Decoded", "StepFunction", "beam", "greedy", "sample"]
