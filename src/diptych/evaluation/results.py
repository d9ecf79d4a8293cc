"""What an evaluation found, as plain values: saved in a run folder, read back by reports, never overwritten.

`evaluations/<name>.json` holds protocol, figures and examples (docs/evaluation.md lists its keys); the examples'
pictures lie beside it in `evaluations/<name>/`. A result that exists already is kept: a second, different one gets a
number.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from diptych.config.errors import UserError
from diptych.metrics.statistics import Interval, Proportion, cluster_interval

SCHEMA = 5
"""Of the file. 1 had neither `schema`, `clusters`, `hits` nor what an interval ranges over; 2 had no `key`; 3 no
`alert`; 4 no `score` of examples."""
RENAMED = {"floor": "chance", "ceiling": "reference"}
"""Keys of a figure in files of schemas 1 and 2."""
EXAMPLES, CONTENTS, PICTURES = "held-out examples", "held-out contents", "held-out pictures"
RESAMPLING_SEED = 0
HIT, MISS, UNCOUNTED = "1", "0", "-"


class Layout(StrEnum):
    """How a report shows an evaluation's examples; any other text means a plain gallery."""

    GENERATION = "generation"
    GENERATION_CHOSEN = "generation_chosen"
    CAPTIONING = "captioning"
    CAPTIONING_CHOSEN = "captioning_chosen"
    PAIRS = "pairs"
    LABELS = "labels"
    SKILLS = "skills"
    RECONSTRUCTION = "reconstruction"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `chance` is the score of shuffled pairs, `reference` that of real data.

    `key` names the quantity for programs, the same in training, evaluations, trackers and `diptych compare`; `name` is
    its label for people. `value` None means that the figure does not exist for this data; `note` then says why.
    `finding` is the half of the result that is no number; every table shows it. `hits` has a character for each
    example, in the order of the evaluation's `clusters`: 1, 0, or - where the example does not count. `contents` is
    the number of different ones among those that count; `protocol` is what the evaluation's does not say already.
    Where a table has several scores of each of several groups, `group`, `score` and `split` say which one this is.
    """

    key: str
    value: float | None
    n: int = 0
    interval: tuple[float, float] | None = None
    chance: float | None = None
    reference: float | None = None
    note: str = ""
    percent: bool = True
    interval_over: str = ""
    interval_method: str = ""
    contents: int = 0
    hits: str = ""
    protocol: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    finding: str = ""
    group: str = ""
    score: str = ""
    split: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.key.replace("_", " "))

    @classmethod
    def rate(cls, key: str, hits: Sequence[bool | None], clusters: Sequence[str] = (), **rest: Any) -> "Figure":
        """The share of true entries, with its 95 % interval; None stands for an example that does not count.

        `clusters` names what each example is of (a scene's symbols, a sentence). Where one comes again, examples are
        not independent, and the interval is of contents. Hits are kept with clusters, to be paired with others'.
        `rest` may say better what contents are here (`interval_over`).
        """
        counted = [i for i, hit in enumerate(hits) if hit is not None]
        values = [bool(hits[i]) for i in counted]
        proportion = Proportion(sum(values), len(values))
        if not clusters:
            return cls.of(key, proportion.rate, proportion.n, proportion.interval_over(EXAMPLES), **rest)
        named = [clusters[i] for i in counted]
        marks = "".join(UNCOUNTED if hit is None else HIT if hit else MISS for hit in hits)
        interval = _interval(values, named, proportion)
        return cls.of(key, proportion.rate, proportion.n, interval, contents=len(set(named)), hits=marks, **rest)

    @classmethod
    def of(cls, key: str, value: float | None, n: int, interval: Interval | None, **rest: Any) -> "Figure":
        """A figure with the interval that says itself what it ranges over, or without one."""
        if interval is None:
            return cls(key, value, n, **rest)
        made: dict[str, Any] = {"interval_over": interval.over, "interval_method": interval.method}
        if interval.over == CONTENTS:
            made["contents"] = interval.n
        return cls(key, value, n, interval.ends, **{**made, **rest})

    @property
    def own_interval(self) -> Interval | None:
        """What `interval` holds, with what it ranges over: examples, where an older file does not say."""
        if self.interval is None:
            return None
        return Interval(*self.interval, self.interval_over or EXAMPLES, self.interval_method, self.contents or self.n)

    @property
    def is_rate(self) -> bool:
        """Whether it is a share, which cannot pass 1; an estimate such as variety can, and has no interval."""
        if self.value is None or self.interval is None:
            return False
        return self.percent and all(0 <= x <= 1 for x in (self.value, *self.interval))

    @property
    def remark(self) -> str:
        """Its finding and its note."""
        return "; ".join(filter(None, (self.finding, self.note)))


@dataclass(frozen=True, slots=True)
class Example:
    """One picture, the sentence asked for, the caption or labels found, and the verdicts: (words, good?).

    `index` is its place in the evaluation, `attention` has one [rows][columns] map for each of `words`. `score` is a
    figure of this example alone, with its label; the lowest are shown as the worst.
    """

    index: int
    picture: Image.Image
    sentence: str = ""
    caption: str = ""
    verdicts: tuple[tuple[str, bool], ...] = ()
    words: tuple[str, ...] = ()
    attention: tuple[Any, ...] = ()
    second_picture: Image.Image | None = None
    score: tuple[str, float] | None = None

    @property
    def failed(self) -> bool:
        return not all(good for _, good in self.verdicts)


class Described(Protocol):
    """What a benchmark says of itself, and its results with it."""

    @property
    def kind(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def lead(self) -> str: ...

    @property
    def layout(self) -> str: ...


@dataclass(frozen=True)
class Evaluation:
    """A whole result of one benchmark, whose `kind` it carries; `reasons` counts why things were wrong.

    `lead` introduces the examples in a report, and `layout` names the gallery that shows them. `clusters` names what
    each example is of, so that figures of two results can be compared example by example. `alert` is what a reader must
    know before the first figure, such as that a generator has collapsed. `headline` names the figures that stand for
    the whole; without it that is the first one that has a value.
    """

    kind: str
    title: str
    protocol: Mapping[str, Any]
    figures: Sequence[Figure]
    reasons: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    examples: Sequence[Example] = ()
    clusters: Sequence[str] = ()
    lead: str = ""
    layout: str = ""
    alert: str = ""
    headline: Sequence[str] = ()

    @classmethod
    def of(
        cls, benchmark: Described, protocol: Mapping[str, Any], figures: Sequence[Figure], **rest: Any
    ) -> "Evaluation":
        """The benchmark's result; `rest` are further fields, which may say another lead."""
        described = {"lead": benchmark.lead, "layout": benchmark.layout}
        return cls(benchmark.kind, benchmark.title, protocol, figures, **{**described, **rest})

    @property
    def mains(self) -> list[Figure]:
        """The figures that stand for the whole, those that have a value."""
        known = [figure for figure in self.figures if figure.value is not None]
        return [figure for figure in known if figure.key in self.headline] or known[:1]

    @property
    def main(self) -> Figure | None:
        """The first of these."""
        return next(iter(self.mains), None)

    def figure(self, key: str) -> Figure | None:
        """The line of that key, if the table has it."""
        return next((figure for figure in self.figures if figure.key == key), None)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the examples, ready for JSON."""
        return {
            "schema": SCHEMA,
            "kind": self.kind,
            "title": self.title,
            "lead": self.lead,
            "layout": str(self.layout),
            "alert": self.alert,
            "headline": list(self.headline),
            "protocol": dict(self.protocol),
            "figures": [asdict(figure) for figure in self.figures],
            "reasons": dict(self.reasons),
            "notes": list(self.notes),
            "clusters": list(self.clusters),
        }


def save(evaluation: Evaluation, folder: Path, name: str) -> Path:
    """Write the result under `name`, or `name-2`, `name-3`, … when a different result has that name already."""
    content = _as_written(evaluation.to_dict())
    path = folder / f"{name}.json"
    number = 2
    while path.exists():
        if _holds(path, content):
            return path
        path = folder / f"{name}-{number}.json"
        number += 1
    folder.mkdir(parents=True, exist_ok=True)
    content["examples"] = [_write_example(example, path.with_suffix("")) for example in evaluation.examples]
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    return partial.replace(path)


def _holds(path: Path, content: Mapping[str, Any]) -> bool:
    """Whether the file is this very result; one that cannot be read is another."""
    try:
        existing = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(existing, dict) and {k: existing.get(k) for k in content} == content


def read(path: Path, *, pictures: bool = True) -> Evaluation:
    """The inverse of `save`; without `pictures` the examples are left out. Files of older schemas are read as well."""
    content = _content(path)
    examples = content.pop("examples", [])
    try:
        figures = [_read_figure(values) for values in content.pop("figures")]
        shown = [_read_example(example, path.with_suffix("")) for example in examples if pictures]
        if any(isinstance(figure.value, str | list | dict) for figure in figures):
            raise TypeError("a figure's value is no number")
        return Evaluation(**content, figures=figures, examples=shown)
    except (KeyError, TypeError, AttributeError, OSError) as error:
        raise UserError(f"{path} is damaged ({error}): delete it and evaluate again") from error


def read_all(folder: Path, *, pictures: bool = True) -> list[Evaluation]:
    """Every result in the folder, newest last."""
    paths = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    return [read(path, pictures=pictures) for path in paths]


def foremost_last(results: Sequence[Evaluation]) -> list[Evaluation]:
    """Those of newer weights behind those of older ones, and of more examples behind those of fewer; else as they were.

    So that the last of a kind stands for the run, and not whatever was tried last on a few examples.
    """

    def rank(result: Evaluation) -> tuple[int, int]:
        return result.protocol.get("images_seen") or 0, result.protocol.get("num") or 0

    return sorted(results, key=rank)


def _content(path: Path) -> dict[str, Any]:
    """What the file holds but for its schema, which must be one that is known."""
    try:
        content = dict(json.loads(path.read_text(encoding="utf-8")))
        is_newer = (schema := content.pop("schema", 1)) > SCHEMA
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}): delete it and evaluate again") from error
    if is_newer:
        raise UserError(f"{path} has schema {schema}, and this diptych knows up to {SCHEMA}: install a newer one")
    if not isinstance(content.get("protocol"), dict):
        raise UserError(f"{path} is damaged (it has no protocol): delete it and evaluate again")
    return content


def _interval(hits: Sequence[bool], clusters: Sequence[str], proportion: Proportion) -> Interval:
    if len(set(clusters)) == len(clusters):
        return proportion.interval_over(EXAMPLES)
    return cluster_interval(hits, clusters, np.random.default_rng(RESAMPLING_SEED), CONTENTS)


def _read_figure(values: dict[str, Any]) -> Figure:
    """A line of any schema; one without a key has its label's."""
    known = {RENAMED.get(name, name): value for name, value in values.items()}
    interval = known.pop("interval")
    return Figure(**{"key": key_of(known["name"]), **known, "interval": interval and tuple(interval)})


def key_of(label: str) -> str:
    """The label in snake case: `Fréchet distance` gives `frechet_distance`."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def _as_written(content: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(content))


def _write_example(example: Example, folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {k: getattr(example, k) for k in ("index", "sentence", "caption", "verdicts", "words")}
    if example.score is not None:
        values["score"] = list(example.score)
    values["attention"] = [[[round(float(w), 4) for w in row] for row in weights] for weights in example.attention]
    for key, suffix in (("picture", ""), ("second_picture", "-second")):
        picture = getattr(example, key)
        if picture is not None:
            values[key] = f"{example.index:05d}{suffix}.png"
            picture.save(folder / values[key])
    return values


def _read_example(values: dict[str, Any], folder: Path) -> Example:
    for key in ("picture", "second_picture"):
        if key in values:
            with Image.open(folder / values[key]) as picture:
                values[key] = picture.copy()
    if "told" in values:  # schemas 1 and 2
        values["caption"] = values.pop("told")
    if "score" in values:
        values["score"] = tuple(values["score"])
    values["verdicts"] = tuple((text, good) for text, good in values["verdicts"])
    return Example(**{**values, "words": tuple(values["words"]), "attention": tuple(values["attention"])})
