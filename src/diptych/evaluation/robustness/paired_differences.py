"""How far a disturbance moves a rate: the same examples before and after, and whether chance alone could do it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from diptych.evaluation.results import CONTENTS, EXAMPLES, RESAMPLING_SEED, Figure
from diptych.evaluation.shares import share
from diptych.metrics.statistics import (
    Contrast,
    holm,
    matched_cluster_difference,
    matched_difference,
    mcnemar,
    permute_clusters,
)

SHOWN_OF_EACH = 3
NOTE = (
    "Reference: the same examples undisturbed. Differences are paired: Agresti and Min's 95 % interval and McNemar's "
    "exact p, or, where contents come again, both from whole contents (bootstrap, permutation); all p of a table are "
    "adjusted together (Holm)."
)


class Named(Protocol):
    """A condition: its `key` for programs, its `name` for people."""

    @property
    def key(self) -> str: ...

    @property
    def name(self) -> str: ...


class Undisturbed(NamedTuple):
    """No disturbance at all."""

    key: str = "undisturbed"
    name: str = "undisturbed"


UNDISTURBED = Undisturbed()


class Pair(NamedTuple):
    """What became of the examples of one condition, before and after; `places` are theirs in the evaluation."""

    places: Sequence[int]
    before: Sequence[bool]
    after: Sequence[bool]


class Row(NamedTuple):
    """A line of the table, and how far it is from the undisturbed examples where that can be said."""

    figure: Figure
    contrast: Contrast | None = None


def line_of(condition: Named, score: str) -> dict[str, Any]:
    """How the figure of a condition is called."""
    name = f"{condition.name}: {score.replace('_', ' ')}"
    return {"key": f"{condition.key}.{score}", "name": name, "group": condition.key, "score": score}


def paired_row(line: Mapping[str, Any], pair: Pair, contents: Sequence[str], finding: str = "") -> Row:
    """The rate after the disturbance; its reference is what it was before. `contents` are those of all examples."""
    if not pair.places:
        return Row(Figure(value=None, note="none of the examples can be disturbed in this way", **line))
    hits = placed(pair.after, pair.places, len(contents))
    figure = Figure.rate(hits=hits, clusters=contents, reference=share(pair.before), finding=finding, **line)
    return Row(figure, paired_contrast(pair, [contents[place] for place in pair.places]))


def placed(hits: Sequence[bool], places: Sequence[int], num: int) -> list[bool | None]:
    """The hits at their places among so many examples, of which the others do not count."""
    everywhere: list[bool | None] = [None] * num
    for place, hit in zip(places, hits, strict=True):
        everywhere[place] = hit
    return everywhere


def paired_contrast(pair: Pair, contents: Sequence[str]) -> Contrast:
    """After minus before; `contents` are those of the pair's examples, which where one comes again go together."""
    if len(set(contents)) == len(contents):
        return replace(mcnemar(pair.before, pair.after), interval=matched_difference(pair.before, pair.after, EXAMPLES))
    rng = np.random.default_rng(RESAMPLING_SEED)
    interval = matched_cluster_difference(pair.before, pair.after, contents, rng, CONTENTS)
    return replace(permute_clusters(pair.before, pair.after, contents, rng), interval=interval)


def with_differences(rows: Sequence[Row]) -> list[Figure]:
    """The figures, each with its difference in words before its finding."""
    tested = [row.contrast.p for row in rows if row.contrast]
    adjusted = iter(holm(tested))
    return [_noted(row, next(adjusted) if row.contrast else 1.0) for row in rows]


def _noted(row: Row, p: float) -> Figure:
    if row.contrast is None or row.contrast.interval is None:
        return row.figure
    low, high = (f"{100 * bound:+.1f}" for bound in row.contrast.interval.ends)
    said = f"{100 * row.contrast.difference:+.1f} points ({low} to {high}), p = {p:.2g}"
    return replace(row.figure, finding="; ".join(filter(None, (said, row.figure.finding))))
