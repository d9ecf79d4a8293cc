"""Whether every value of a sweep fits its key, found before the first run: each would fail alone, one after the other.

A configuration for each value is composed here and checked in another process, since the checks need torch and a
supervisor has no use for it. Of numbers of one key and type, the first and the last stand for all.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple

from diptych.config.composition import plain
from diptych.config.errors import UserError
from diptych.config.override_errors import hydra_explained
from diptych.config.schema import Run
from diptych.config.search_space import Choice, Interval, Parameter, Space, typed
from diptych.runs.requirements import check_values

Compose = Callable[[Sequence[str]], Any]
CHECK = "from diptych.runs.requirements_check import main; main()"


TYPED_GROUPS = tuple(field.name for field in fields(Run) if is_dataclass(field.type))
TYPED_KEYS = tuple(field.name for field in fields(Run) if field.type in (int, str, float, bool))


class Trial(NamedTuple):
    """The arguments of a run, and the override that it is to try."""

    override: str
    arguments: tuple[str, ...]

    @property
    def overrides(self) -> list[str]:
        """The arguments without flags."""
        return [argument for argument in self.arguments if not argument.startswith("-")]

    @property
    def config_dir(self) -> Path | None:
        """The user's own folder of configurations, if any."""
        folders = [word.partition("=")[2] for word in self.arguments if word.startswith("--config-dir=")]
        return Path(folders[0]) if folders else None


def check_grid(plans: Sequence[Sequence[str]], compose: Compose, asked: Sequence[Sequence[str]] = ()) -> None:
    """Refuse a grid with a value that does not fit its key.

    `asked` are all runs of a grid that goes on, of which `plans` are the new ones: they show what is tried.
    """
    shared = set.intersection(*map(set, asked or plans))
    found: dict[tuple[str, str], list[Trial]] = {}
    for arguments in plans:
        for override in (argument for argument in arguments if argument not in shared):
            key, _, value = override.partition("=")
            found.setdefault((key, _kind(value)), []).append(Trial(override, tuple(arguments)))
    trials = [trial for trials in found.values() for trial in dict.fromkeys((trials[0], trials[-1]))]
    for message in filter(None, _complaints(trials, compose)):
        raise UserError(message)


def check_space(fixed: Sequence[str], space: Space, compose: Compose) -> None:
    """Refuse a search over values that do not fit their key."""
    trials = [(parameter, trial) for parameter in space for trial in _trials(parameter, fixed, space)]
    complaints = _complaints([trial for _, trial in trials], compose)
    for (parameter, trial), message in zip(trials, complaints, strict=True):
        if message:
            raise UserError(f"{message}{_whole(parameter, trial, compose)}")


def _trials(parameter: Parameter, fixed: Sequence[str], space: Space) -> list[Trial]:
    """Runs with values of one parameter, where its conditions hold and the others have their usual values."""
    usual = {p.key: f"{p.key}={typed(p.values.example)}" for p in space if not p.when and p.key != parameter.key}
    met = {key: f"{key}={values[0]}" for key, values in parameter.when.items()}
    base = (*fixed, *{**usual, **met}.values())
    values = parameter.values
    chosen = values.values if isinstance(values, Choice) else (repr(values.low), repr(values.high))
    return [Trial(f"{parameter.key}={value}", (*base, f"{parameter.key}={value}")) for value in chosen]


def _whole(parameter: Parameter, trial: Trial, compose: Compose) -> str:
    """The fix, if whole numbers would fit where an interval gives others."""
    values = parameter.values
    if not isinstance(values, Interval) or values.is_whole:
        return ""
    override = f"{parameter.key}={round(values.low)}"
    if any(_complaints([Trial(override, (*trial.arguments[:-1], override))], compose)):
        return ""
    return f"; for whole numbers write {parameter.key}=int(interval({round(values.low)},{round(values.high)}))"


def _kind(value: str) -> str:
    """Numbers of one type are of one kind; any other value is a kind of its own."""
    for kind in (int, float):
        try:
            kind(value)
        except ValueError:
            continue
        return kind.__name__
    return value


def _complaints(trials: Sequence[Trial], compose: Compose) -> list[str]:
    """What each run would be refused with; "" for one that may begin."""
    checked = [_composed(trial, compose) for trial in trials]
    others = [i for i, trial in enumerate(trials) if isinstance(checked[i], dict) and not _has_type(trial.override)]
    told = dict(zip(others, _messages([checked[i] for i in others]), strict=True))
    said = [each if isinstance(each, str) else told.get(i, "") for i, each in enumerate(checked)]
    return [_told(trial, message) for trial, message in zip(trials, said, strict=True)]


def _told(trial: Trial, message: str) -> str:
    """The message, with the override where it does not name the key."""
    key = re.escape(trial.override.partition("=")[0].lstrip("+"))
    return (
        message if not message or re.search(rf"(?<![\w.]){key}(?![\w.])", message) else f"{trial.override}: {message}"
    )


def _has_type(override: str) -> bool:
    """Whether the schema has a type for the key, so that composing has checked the value."""
    group, _, rest = override.partition("=")[0].lstrip("+").partition(".")
    return group in TYPED_GROUPS if rest else group in TYPED_KEYS


def _composed(trial: Trial, compose: Compose) -> dict[str, Any] | str:
    """The configuration, or why there is none."""
    try:
        with hydra_explained(trial.overrides, trial.config_dir):
            config = plain(compose(trial.arguments))
        check_values(config)
    except UserError as error:
        return str(error)
    return config


def _messages(configs: Sequence[Any]) -> list[str]:
    """What the checks of a run say of each configuration; "" if it may run."""
    if not configs:
        return []
    command = [sys.executable, "-c", CHECK]
    result = subprocess.run(command, input=json.dumps(configs), capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"the values of the sweep could not be checked: {result.stderr}")
    return json.loads(result.stdout.splitlines()[-1])
