"""Many tests at once: with twenty skills one of them is 'significant' at .05 by chance alone."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p in the given order (Holm 1979): below the level, they are wrong anywhere no oftener than the level."""
    wrong = [p for p in p_values if not 0 <= p <= 1]
    if wrong:
        raise ValueError(f"Holm's adjustment is of p in [0, 1], not {wrong[0]}")
    count = len(p_values)
    order = sorted(range(count), key=lambda i: p_values[i])
    adjusted, so_far = [0.0] * count, 0.0
    for rank, i in enumerate(order):
        so_far = max(so_far, min(1.0, (count - rank) * p_values[i]))
        adjusted[i] = so_far
    return adjusted
