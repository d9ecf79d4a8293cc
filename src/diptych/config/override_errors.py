"""Error messages for wrong command-line overrides, with the nearest correct name."""

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
    """Hydra's message and its cause; for an unknown key, the key that the user probably meant."""
    parts = [part for override in overrides if (part := _PART_AS_TEXT.fullmatch(override))]
    if parts:
        return _explain_part(*parts[0].groups())
    unread = getattr(error, "override", None)
    if unread:
        return f"{unread}: {str(error).splitlines()[0]}; a value with = or commas needs two pairs of quotes: {QUOTED}"
    texts = [str(error), *([str(error.__cause__)] if error.__cause__ else [])]
    lines = [line for text in texts for line in text.splitlines() if line.strip() and not _NOISE.match(line)]
    found = re.search(r"Could not override '([^']+)'", lines[0])
    if found:
        meant = _nearest(found[1], [o for o in overrides if o.lstrip("+~").partition("=")[0] != found[1]], config_dir)
        in_schema = "." not in found[1] or found[1].startswith(("trainer.", "paths.", HYDRA))
        needless = ("Key ", "To append") if in_schema or meant else "Key "
        lines = [line for line in lines if not line.startswith(needless)]
        needs_search = found[1].startswith("hydra.sweeper.") and not any(o.startswith(SEARCHES) for o in overrides)
        hint = "; only searches have this setting: add hydra/sweeper=optuna" if needs_search else ""
        lines[:1] = [f"there is no {found[1]} to set" + (f"; did you mean {meant}?" if meant else hint)]
    return _explain_type(_explain_interval("\n".join(lines), overrides), overrides)


def nearest(wrong: str, names: Iterable[str]) -> str | None:
    """The most similar name; one with the same letters in another order comes first."""
    close = difflib.get_close_matches(wrong, list(names), n=3, cutoff=0.7)
    swapped = [name for name in close if sorted(name) == sorted(wrong)]
    return next(iter(swapped + close), None)


def _explain_type(message: str, overrides: Sequence[str]) -> str:
    """The message, or the expected type if an override's value has another one."""
    found = _CONVERTED.search(message)
    guilty = [override for override in overrides if found and override.partition("=")[2] == found[1]]
    if not found or not guilty:
        return message
    return f"{guilty[0]}: this key takes {_KINDS.get(found[2], found[2])}"


def _explain_interval(message: str, overrides: Sequence[str]) -> str:
    """The message, or the fix if a grid contains an interval."""
    guilty = [override for override in overrides if "interval(" in override]
    if "does not support sweep type" not in message or not guilty:
        return message
    key = guilty[0].partition("=")[0]
    return f"{guilty[0]}: a grid needs values, as in {key}=1,2,3; to draw from an interval, add hydra/sweeper=optuna"


def _explain_part(part: str, run: str) -> str:
    key = f"parts.{part}"
    return (
        f"{key}={run}: a part needs a run and a task. Use {key}.run={run}; "
        f"for a model without this part, +{key}.run={run} +{key}.task=captioning"
    )


def composed(overrides: Sequence[str]) -> dict[str, Any]:
    """Like `compose`, but Hydra's errors become a short `UserError`."""
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
    """The nearest key in the same group, by the last name alone, since the long prefix is the same."""
    group, _, name = wrong.rpartition(".")
    names = [last for parent, _, last in (path.rpartition(".") for path in paths) if parent == group]
    found = nearest(name, (name for name in names if not name.startswith("_")))
    return f"{group}.{found}" if found else None


def _paths(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, Mapping):
            yield from _paths(value, f"{prefix}{key}.")
