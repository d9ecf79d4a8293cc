"""Groups of runs that differ only by seed, and their labels."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diptych.config.errors import UserError
from diptych.runs.folder.digests import without_seed
from diptych.runs.folder.layout import NO_MATTER, RunFolder

SEED, TARGET = "seed", "_target_"
MOST_WORDS = 3


@dataclass(frozen=True)
class Group:
    """Runs of one method, and their `seeds` in the same order."""

    label: str
    runs: tuple[RunFolder, ...]
    seeds: tuple[int, ...]

    @property
    def repeats_a_seed(self) -> bool:
        return len(set(self.seeds)) < len(self.seeds)


def grouped(runs: Sequence[RunFolder], by: str | None = None) -> list[Group]:
    """Group runs of equal configuration apart from the seed, or of equal values `by` a key."""
    settings = [_settings(run) for run in runs]
    keys = [json.dumps(s if by is None else _value(run, s, by)) for run, s in zip(runs, settings, strict=True)]
    members = {key: [i for i, other in enumerate(keys) if other == key] for key in dict.fromkeys(keys)}
    labels = _labels([settings[places[0]] for places in members.values()], by)
    groups = [
        Group(label, tuple(runs[i] for i in places), tuple(runs[i].read_config().get(SEED, 0) for i in places))
        for label, places in zip(_distinct(labels), members.values(), strict=True)
    ]
    if by is None:
        _refuse_repetitions(groups)
    return groups


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """A nested configuration as dotted keys and plain values; an empty mapping is a value."""
    if not isinstance(node, Mapping) or not node:
        return {prefix: node}
    return {
        k: v for name, value in node.items() for k, v in flat(value, f"{prefix}.{name}" if prefix else name).items()
    }


def _settings(run: RunFolder) -> dict[str, Any]:
    """The configuration as dotted keys, without the run's seed wherever it occurs."""
    config = {key: value for key, value in without_seed(run.read_config()).items() if key not in NO_MATTER}
    config["parts"] = {name: part["task"] for name, part in config.get("parts", {}).items()}
    return flat(config)


def _value(run: RunFolder, settings: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The settings at the key and below."""
    found = {k: v for k, v in settings.items() if k == key or k.startswith(f"{key}.")}
    if not found:
        near = sorted({name.split(".")[0] for name in settings})
        raise UserError(f"--by {key}: {run.run_id} has no such key; there are {', '.join(near)}, and keys below them")
    return found


def _labels(settings: Sequence[Mapping[str, Any]], by: str | None) -> list[str]:
    """A short label for each group, from the keys that differ."""
    keys = dict.fromkeys(key for own in settings for key in own)
    varied = [k for k in keys if len({json.dumps(own.get(k)) for own in settings}) > 1]
    if by is not None:
        varied = [k for k in varied if k == by or k.startswith(f"{by}.")] or [k for k in keys if k.startswith(by)]
    classes = [k for k in varied if k.endswith(f".{TARGET}")]
    shown = [k for k in varied if k in classes or not any(_is_of(k, other) for other in classes)]
    return [" ".join(_words(k, own[k]) for k in shown[:MOST_WORDS] if k in own) or "all runs" for own in settings]


def _is_of(key: str, target: str) -> bool:
    """Whether the key is an argument of the class at `target`."""
    return key.startswith(target.removesuffix(TARGET))


def _words(key: str, value: Any) -> str:
    if key.endswith(f".{TARGET}"):
        return f"{key.removesuffix(f'.{TARGET}')}={str(value).rpartition('.')[2]}"
    return f"{key}={value}"


def _distinct(labels: Iterable[str]) -> list[str]:
    """The labels, with a number where two are equal."""
    seen: dict[str, int] = {}
    distinct = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        distinct.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return distinct


def _refuse_repetitions(groups: Iterable[Group]) -> None:
    for group in groups:
        for seed in group.seeds:
            same = [run.run_id for run, own in zip(group.runs, group.seeds, strict=True) if own == seed]
            if len(same) > 1:
                raise UserError(
                    f"{' and '.join(same)} have the same configuration and the same seed {seed}, "
                    "and would count twice: leave one out"
                )
