"""`diptych.compose`: the configuration of `diptych train OVERRIDES`, checked as the command line checks it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from diptych.config.composition import composing
from diptych.config.errors import UserError
from diptych.config.override_errors import hydra_explained
from diptych.config.own_packages import find_own_packages
from diptych.runs.requirements import find_borrowed
from diptych.runs.training import checked


def compose(overrides: Iterable[str] = (), *, config_dir: str | Path | None = None) -> dict[str, Any]:
    """The resolved configuration that `diptych train` would begin with: plain values, as in a run's `config.yaml`.

    `overrides` are those of the command line, one a list item (`"generator.width=64"`); `config_dir` is a folder of
    your own configs (`--config-dir`). What could not run is refused with the command line's message (`UserError`).
    Nothing is loaded or written, and Hydra is left as it was found.
    """
    words = _words(overrides)
    folder = None if config_dir is None else _folder(config_dir)
    find_own_packages()
    with hydra_explained(words, folder), composing(words, folder) as config:
        config = dict(checked(config))
        find_borrowed(config)
    return config


def _words(overrides: Iterable[str]) -> list[str]:
    """The overrides; one text of several, and options of the command line, are refused."""
    if isinstance(overrides, str):
        raise UserError(f"compose({overrides!r}): give a list of overrides: compose({overrides.split()!r})")
    words = list(overrides)
    for word in words:
        if word.startswith("-"):
            raise UserError(f"{word} is an option of the command line; compose takes overrides, and config_dir=FOLDER")
    return words


def _folder(config_dir: str | Path) -> Path:
    folder = Path(config_dir).expanduser()
    if not folder.is_dir():
        raise UserError(f"config_dir={str(config_dir)!r}: there is no such folder")
    return folder
