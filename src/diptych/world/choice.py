"""Random choices that are the same on every machine and in every version: they use only `Random.random`."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def pick(choices: Sequence[T], rng: Random) -> T:
    """One of the choices, with equal probability."""
    return choices[int(rng.random() * len(choices))]


def shuffled(things: Sequence[T], rng: Random) -> list[T]:
    """All things, in random order."""
    return [thing for _, _, thing in sorted((rng.random(), i, thing) for i, thing in enumerate(things))]
