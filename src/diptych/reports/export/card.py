"""The model card of an export (README.md): what it is, its data, intended use, measured figures, limits.

Model cards are of Mitchell et al. 2019 (arXiv:1810.03993); the lines before the first heading are what the Hugging Face
hub reads. A figure that nobody measured is not in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diptych.evaluation.results import Evaluation, Figure
from diptych.reports.page.tables import interval_text, interval_words, number

PIPELINES = {"text_to_image": "text-to-image", "captioning": "image-to-text", "autoencoding": "image-to-image"}
"""The hub's words for tasks."""
NOT_STATED = "not stated: whoever passes this model on has to say it (`diptych export --license`)"


@dataclass(frozen=True)
class CardFacts:
    """What its owner says of a model, and no run knows."""

    license: str = ""
    data_license: str = ""
    intended_use: str = ""


USE = """
```python
import diptych  # with its extra: export

model = diptych.load("FOLDER")
model.{call}
```

It gives what the run gives, bit for bit on one machine: the same seed, the same image. Nothing of training is imported.
"""


def model_card(handle: Any, evaluations: Sequence[Evaluation], facts: CardFacts, usage: str = USE) -> str:
    """The text of README.md; `usage` says in Markdown how this kind of export is used, with the handle's `{call}`."""
    sections = (
        _front_matter(handle, facts),
        f"# {handle.run.experiment} ({handle.run.run_id})\n\n{_summary(handle)}",
        f"## Use\n\n{usage.format(call=handle.python_use).strip()}",
        f"## License\n\nThe model: {facts.license or NOT_STATED}.",
        f"## Data\n\n{_data(handle, facts)}",
        f"## Intended use\n\n{facts.intended_use or _usual_use(handle)}",
        f"## Figures\n\n{_figures(evaluations)}",
        f"## Limits\n\n{_limits(handle, evaluations)}",
    )
    return "\n\n".join(sections) + "\n"


def _front_matter(handle: Any, facts: CardFacts) -> str:
    lines = ["library_name: diptych", f"license: {facts.license}" if facts.license else ""]
    pipeline = PIPELINES.get(handle.task, "")
    lines.append(f"pipeline_tag: {pipeline}" if pipeline else "")
    return "\n".join(["---", *filter(None, lines), "---"])


def _summary(handle: Any) -> str:
    family = type(handle.system).__name__
    return (
        f"A {family} of diptych that can {handle.does}, trained on "
        f"{handle.images_seen:,} examples; checkpoint `{handle.checkpoint_name}`, weights `{handle.digest[:16]}`."
    )


def _data(handle: Any, facts: CardFacts) -> str:
    spec = handle.data_spec
    colours = "grey" if spec.image_channels == 1 else "colour"
    languages, number = ", ".join(spec.languages), len(handle.vocabulary)
    words = f"; sentences in {languages}, of {number:,} words" if number else ""
    pictures = f"{colours} pictures of {spec.image_size} x {spec.image_size} pixels"
    return f"`{spec.name}`: {pictures}{words}. License: {facts.data_license or 'not stated here'}."


def _usual_use(handle: Any) -> str:
    return (
        f"Research and teaching: to {handle.does} as in its data, to compare families and to reproduce figures. It was "
        "not made for decisions about people, and nobody has tried it for that."
    )


def _figures(evaluations: Sequence[Evaluation]) -> str:
    if not evaluations:
        return "None were measured of these weights. `diptych evaluate RUN`, then another export, writes them here."
    return "\n\n".join(_table(one) for one in evaluations)


def _table(evaluation: Evaluation) -> str:
    known = evaluation.protocol
    of = ", ".join(f"{key} {known[key]}" for key in ("data", "split", "num", "seed") if known.get(key) is not None)
    rows = [_row(figure) for figure in evaluation.figures if figure.value is not None]
    head = "| figure | value | 95 % interval | n | chance | real data |\n| --- | --- | --- | --- | --- | --- |"
    table = "\n".join([head, *rows])
    return "\n\n".join(filter(None, [f"**{evaluation.title}** ({of}).", table, interval_words(evaluation)]))


def _row(figure: Figure) -> str:
    value, chance, real = (
        number(value, percent=figure.percent) for value in (figure.value, figure.chance, figure.reference)
    )
    cells = (figure.name, value, interval_text(figure), f"{figure.n:,}" if figure.n else "—", chance, real)
    return f"| {' | '.join(cells)} |"


def _limits(handle: Any, evaluations: Sequence[Evaluation]) -> str:
    spec, most = handle.data_spec, handle.data_spec.max_length - 2
    size = f"{spec.image_size} x {spec.image_size}"
    lines = [f"It knows pictures of {size} pixels like those of `{spec.name}`, and no others."]
    if handle.vocabulary and not handle.reads_any_text:
        lines.append(f"It knows {len(handle.vocabulary):,} words, and sentences of at most {most} tokens.")
    lines.append("It has no filter: whatever its data show or say, it may show or say.")
    lines += [f"{one.title}: {one.alert}." for one in evaluations if one.alert]
    return "\n".join(f"- {line}" for line in lines)
