"""What an evaluation found, as plain values: saved in a run folder, read back by reports, never overwritten.

`evaluations/<name>.json` holds protocol, figures and examples; the examples' pictures lie beside it in
`evaluations/<name>/`. A result that exists already is kept: a second, different one gets a number.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from diptych.metrics.statistics import Proportion


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `floor` is what chance or shuffling reaches, `ceiling` what the truth itself reaches.

    `value` None means that the figure does not exist for this data; `note` then says why. `protocol` is what the
    evaluation's does not say already.
    """

    name: str
    value: float | None
    n: int = 0
    interval: tuple[float, float] | None = None
    floor: float | None = None
    ceiling: float | None = None
    note: str = ""
    percent: bool = True
    protocol: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def rate(cls, name: str, hits: Sequence[bool], **rest: Any) -> "Figure":
        """The share of true entries, with its 95 % interval."""
        proportion = Proportion(sum(hits), len(hits))
        return cls(name, proportion.rate, proportion.n, proportion.interval, **rest)


@dataclass(frozen=True, slots=True)
class Example:
    """One picture with what was asked (`sentence`), what was `told` of it, and the verdicts on it: (words, good?).

    `index` is its place in the evaluation, `attention` has one [rows][columns] map for each of `words`.
    """

    index: int
    picture: Image.Image
    sentence: str = ""
    told: str = ""
    verdicts: tuple[tuple[str, bool], ...] = ()
    words: tuple[str, ...] = ()
    attention: tuple[Any, ...] = ()
    second_picture: Image.Image | None = None

    @property
    def failed(self) -> bool:
        return not all(good for _, good in self.verdicts)


@dataclass(frozen=True)
class Evaluation:
    """A whole result. `kind` is painter, teller, loop; `reasons` counts why things were wrong."""

    kind: str
    title: str
    protocol: Mapping[str, Any]
    figures: Sequence[Figure]
    reasons: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    examples: Sequence[Example] = ()

    @property
    def main(self) -> Figure | None:
        """The first line that has a value."""
        return next((figure for figure in self.figures if figure.value is not None), None)

    def figure(self, name: str) -> Figure | None:
        """The line of that name, if the table has it."""
        return next((figure for figure in self.figures if figure.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the examples, ready for JSON."""
        return {
            "kind": self.kind,
            "title": self.title,
            "protocol": dict(self.protocol),
            "figures": [asdict(figure) for figure in self.figures],
            "reasons": dict(self.reasons),
            "notes": list(self.notes),
        }


def save(evaluation: Evaluation, folder: Path, name: str) -> Path:
    """Write the result under `name`, or `name-2`, `name-3`, … when a different result has that name already."""
    content = _as_written(evaluation.to_dict())
    path = folder / f"{name}.json"
    number = 2
    while path.exists():
        existing = json.loads(path.read_text(encoding="utf-8"))
        if {k: existing.get(k) for k in content} == content:
            return path
        path = folder / f"{name}-{number}.json"
        number += 1
    folder.mkdir(parents=True, exist_ok=True)
    content["examples"] = [_write_example(example, path.with_suffix("")) for example in evaluation.examples]
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    return partial.replace(path)


def read(path: Path) -> Evaluation:
    """The inverse of `save`, pictures and all."""
    content = json.loads(path.read_text(encoding="utf-8"))
    figures = [Figure(**{**f, "interval": f["interval"] and tuple(f["interval"])}) for f in content.pop("figures")]
    examples = [_read_example(e, path.with_suffix("")) for e in content.pop("examples", [])]
    return Evaluation(**content, figures=figures, examples=examples)


def read_all(folder: Path) -> list[Evaluation]:
    """Every result in the folder, newest last."""
    paths = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    return [read(path) for path in paths]


def _as_written(content: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(content))


def _write_example(example: Example, folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {k: getattr(example, k) for k in ("index", "sentence", "told", "verdicts", "words")}
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
    values["verdicts"] = tuple((text, good) for text, good in values["verdicts"])
    return Example(**{**values, "words": tuple(values["words"]), "attention": tuple(values["attention"])})
