"""Command-line overrides that name nothing, answered with the nearest name that does."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.errors import HydraException

from diptych.config.composition import compose, conf_folder, hydra_settings
from diptych.config.errors import UserError

HYDRA = "hydra."
SEARCHES = ("hydra/sweeper=", "sweep=")
OF_HYDRA = ("hydra/launcher=", *SEARCHES)
QUOTED = "\"key='a=b,c'\""
_NOISE = re.compile(r"\s*(full_key|reference_type|object_type|provider=)|Config search path")
_CONVERTED = re.compile(r"Value '(.*)' (?:of type '\w+' could not be converted to|is not a valid) (\w+)")
_KINDS = {"Integer": "a whole number", "Float": "a number", "bool": "true or false"}
_PART_AS_TEXT = re.compile(r"\+*parts\.(\w+)=((?!null$)[^{].*)")


def explain(error: HydraException, overrides: Sequence[str], config_dir: Path | None = None) -> str:
    """Hydra's message, its cause, and for a key that does not exist the one that was probably meant."""
    parts = [part for override in overrides if (part := _PART_AS_TEXT.fullmatch(override))]
    if parts:
        return _how_to_name(*parts[0].groups())
    unread = getattr(error, "override", None)
    if unread:
        return f"{unread}: {str(error).splitlines()[0]}; a value with = or commas in it takes quotes twice: {QUOTED}"
    texts = [str(error), *([str(error.__cause__)] if error.__cause__ else [])]
    lines = [line for text in texts for line in text.splitlines() if line.strip() and not _NOISE.match(line)]
    found = re.search(r"Could not override '([^']+)'", lines[0])
    if found:
        meant = _nearest(found[1], [o for o in overrides if o.lstrip("+~").partition("=")[0] != found[1]], config_dir)
        of_the_spine = "." not in found[1] or found[1].startswith(("trainer.", "paths.", HYDRA))
        needless = ("Key ", "To append") if of_the_spine or meant else "Key "
        lines = [line for line in lines if not line.startswith(needless)]
        of_searches = found[1].startswith("hydra.sweeper.") and not any(o.startswith(SEARCHES) for o in overrides)
        hint = "; searches have settings there: add hydra/sweeper=optuna" if of_searches else ""
        lines[:1] = [f"there is no {found[1]} to set" + (f"; did you mean {meant}?" if meant else hint)]
    return _of_the_wrong_type(_interval_of_a_grid("\n".join(lines), overrides), overrides)


def nearest(wrong: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant: one with the same letters in another order before one with fewer or others."""
    close = difflib.get_close_matches(wrong, list(names), n=3, cutoff=0.7)
    swapped = [name for name in close if sorted(name) == sorted(wrong)]
    return next(iter(swapped + close), None)


def _of_the_wrong_type(message: str, overrides: Sequence[str]) -> str:
    """The message, or what the key takes where an override has another type of value."""
    found = _CONVERTED.search(message)
    guilty = [override for override in overrides if found and override.partition("=")[2] == found[1]]
    if not found or not guilty:
        return message
    return f"{guilty[0]}: this key takes {_KINDS.get(found[2], found[2])}"


def _interval_of_a_grid(message: str, overrides: Sequence[str]) -> str:
    """The message, or what to type where Hydra's own sweeper is asked for all numbers of an interval."""
    guilty = [override for override in overrides if "interval(" in override]
    if "does not support sweep type" not in message or not guilty:
        return message
    key = guilty[0].partition("=")[0]
    return f"{guilty[0]}: a grid needs values, as in {key}=1,2,3; to draw from an interval, add hydra/sweeper=optuna"


def _how_to_name(part: str, run: str) -> str:
    key = f"parts.{part}"
    return (
        f"{key}={run}: a part is a run and a task. Type {key}.run={run}; "
        f"with a model that names no such part, +{key}.run={run} +{key}.task=captioning"
    )


def composed(overrides: Sequence[str]) -> dict[str, Any]:
    """As `compose`; what Hydra refuses is a user's error, in few words."""
    try:
        return compose(overrides)
    except HydraException as error:
        raise UserError(explain(error, overrides)) from error


def _nearest(wrong: str, other_overrides: Sequence[str], config_dir: Path | None) -> str | None:
    try:
        if wrong.startswith(HYDRA):
            chosen = [override for override in other_overrides if override.startswith(OF_HYDRA)]
            return _nearest_sibling(wrong, _paths(hydra_settings(chosen, config_dir), HYDRA))
        config = compose(other_overrides, config_dir)
    except (HydraException, UserError, AssertionError):
        return None
    groups = [folder.name for folder in conf_folder().iterdir() if folder.is_dir()]
    return nearest(wrong, (path for path in (*_paths(config), *groups) if path.count(".") == wrong.count(".")))


def _nearest_sibling(wrong: str, paths: Iterable[str]) -> str | None:
    """By the last name alone: what comes before it is long, and alike everywhere."""
    group, _, name = wrong.rpartition(".")
    names = [last for parent, _, last in (path.rpartition(".") for path in paths) if parent == group]
    found = nearest(name, (name for name in names if not name.startswith("_")))
    return f"{group}.{found}" if found else None


def _paths(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, Mapping):
            yield from _paths(value, f"{prefix}{key}.")
