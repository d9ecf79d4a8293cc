"""The figures of an export: those that evaluations of its very weights measured, with their protocols."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from diptych.evaluation.results import Evaluation, foremost_last, read_all

LEFT_OUT = ("hits", "protocol")
"""Of a figure: one character an example is much, and what a protocol has of its own is merged into it."""


def evaluations_of(handle: Any) -> list[Evaluation]:
    """The foremost evaluation of each kind and data, of the weights that the handle holds."""
    own = [one for one in read_all(handle.run.evaluations, pictures=False) if _is_of(one.protocol, handle)]
    latest = {(one.kind, one.protocol.get("data"), one.protocol.get("split")): one for one in foremost_last(own)}
    return list(latest.values())


def plain_figures(evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """Each evaluation's kind, title, alert, protocol and measured figures, as plain values."""
    return [
        {
            "kind": one.kind,
            "title": one.title,
            "alert": one.alert,
            "protocol": dict(one.protocol),
            "figures": [_plain(figure) for figure in one.figures if figure.value is not None],
        }
        for one in evaluations
    ]


def _is_of(protocol: Mapping[str, Any], handle: Any) -> bool:
    known = (protocol.get("checkpoint"), protocol.get("images_seen"))
    return known == (handle.checkpoint_name, handle.images_seen)


def _plain(figure: Any) -> dict[str, Any]:
    values = {name: value for name, value in asdict(figure).items() if name not in LEFT_OUT and value not in ("", None)}
    return values | ({"protocol": dict(figure.protocol)} if figure.protocol else {})
