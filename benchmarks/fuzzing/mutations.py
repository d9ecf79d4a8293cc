"""Damage to valid bytes: bits, lengths, cuts, blocks twice or many times, parts of other files.

A mutation is a function of a random generator and seeds alone, so that a finding is known again by its number.
"""

from collections.abc import Callable, Sequence
from random import Random

MOST_BYTES = 1 << 18
"""Of an input. The law is about small files: a large one may take the time and memory that it has bytes for."""
HEAD = 256
"""Headers lie at the beginning and at the end of a file, and half of all damage is done there."""
NUMBERS = (0, 1, *(2**bits - 1 for bits in (7, 8, 15, 16, 31, 32, 40, 63, 64)))

Mutation = Callable[[Random, Sequence[bytes]], bytes]


def damaged(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with one to some operations on it."""
    data = bytearray(rng.choice(seeds))
    for _ in range(1 + min(7, int(rng.expovariate(0.6)))):
        rng.choice(OPERATIONS)(rng, data, seeds)
    return bytes(data[:MOST_BYTES])


def place(rng: Random, data: Sequence[int]) -> int:
    """A place in the data, half the time near one of its ends."""
    near = min(HEAD, len(data))
    if rng.random() < 0.5:
        return rng.randrange(len(data) + 1)
    at = rng.randrange(near + 1)
    return at if rng.random() < 0.7 else len(data) - at


def _flip(rng: Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at = place(rng, data)
    if at < len(data):
        data[at] ^= 1 << rng.randrange(8)


def _set(rng: Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at = place(rng, data)
    if at < len(data):
        data[at] = rng.randrange(256)


def _number(rng: Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    """A length or an offset that is 0, as large as can be, or just beside."""
    size = rng.choice((1, 2, 4, 8))
    value = (rng.choice(NUMBERS) + rng.choice((-1, 0, 0, 1))) % (1 << 8 * size)
    at = place(rng, data)
    data[at : at + size] = value.to_bytes(size, rng.choice(("little", "big")))


def _cut(rng: Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    del data[place(rng, data) :]


def _remove(rng: Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at = place(rng, data)
    del data[at : at + rng.choice((1, 2, 4, 16, 512))]


def _insert(rng: Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at = place(rng, data)
    data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 16)))


def _repeat(rng: Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at = place(rng, data)
    block = data[at : at + rng.choice((1, 2, 3, 8, 64, 512))]
    times = rng.choice((1, 2, 10, 1_000, 100_000))
    data[at:at] = block * min(times, MOST_BYTES // max(1, len(block)))


def _splice(rng: Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    other = rng.choice(seeds)
    start, at = place(rng, other), place(rng, data)
    data[at : at + rng.choice((0, 4, 64, len(data)))] = other[start : start + rng.choice((1, 8, 64, 512, len(other)))]


def _zero(rng: Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at = place(rng, data)
    end = min(len(data), at + rng.choice((1, 4, 64, 512)))
    data[at:end] = bytes(max(0, end - at))


OPERATIONS = (_flip, _flip, _set, _number, _number, _cut, _remove, _insert, _repeat, _splice, _zero)


def either(*mutations: Mutation) -> Mutation:
    """One of these each time."""
    return lambda rng, seeds: rng.choice(mutations)(rng, seeds)[:MOST_BYTES]
