"""How long it takes to find pictures that look alike among very many.

`python benchmarks/look_alikes.py [PICTURES]` makes the looks of so many pictures (default 100,000; perceptual hashes
with thumbnails, at random), a tenth of them in another split than the rest, and plants a thousand pairs that look alike
across splits, a few signs and shades apart. It prints the seconds of the clock and of processors, and how many of the
planted pairs were found.
"""

import sys
from time import perf_counter, process_time

import numpy as np

from diptych.data.folders.facts import THUMBNAIL
from diptych.data.folders.leaks import look_alikes

PLANTED, SIGNS_APART, SHADES_APART = 1_000, 2, 3


def looks(number: int) -> tuple[list[str], list[int]]:
    """Looks and splits; look i, for i below `PLANTED`, is nearly that of the i-th from the end."""
    rng = np.random.default_rng(0)
    signs = rng.integers(0, 2, (number, 64), dtype=np.uint8)
    thumbnails = rng.integers(SHADES_APART, 256 - SHADES_APART, (number, 3 * THUMBNAIL**2), dtype=np.uint8)
    for i in range(PLANTED):
        signs[-1 - i] = signs[i]
        signs[-1 - i, rng.choice(64, SIGNS_APART, replace=False)] ^= 1
        thumbnails[-1 - i] = thumbnails[i] + rng.integers(-SHADES_APART, SHADES_APART + 1, thumbnails.shape[1])
    splits = (np.arange(number) >= number * 9 // 10).astype(int)
    packed = np.packbits(signs, axis=1)
    return [a.tobytes().hex() + b.tobytes().hex() for a, b in zip(packed, thumbnails, strict=True)], splits.tolist()


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    made, splits = looks(number)
    start, cpu = perf_counter(), process_time()
    pairs = set(map(frozenset, look_alikes(made, splits)))
    seconds, core_seconds = perf_counter() - start, process_time() - cpu
    found = sum(frozenset((i, number - 1 - i)) in pairs for i in range(PLANTED))
    print(
        f"{number:,} pictures: {seconds:.1f} s, {core_seconds:.1f} core-seconds; {found:,} of {PLANTED:,} planted "
        f"pairs found, {len(pairs) - found:,} others"
    )
