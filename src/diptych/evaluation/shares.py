"""The share of examples of which something holds."""

from collections.abc import Sequence


def share(hits: Sequence[bool]) -> float | None:
    """The fraction of true entries, None of none."""
    return sum(hits) / len(hits) if hits else None
