"""Error messages for wrong command-line overrides, with the nearest correct name."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.errors import HydraException

from diptych.config import components
from diptych.config.composition import compose, conf_folder, configured_names, hydra_settings, options
from diptych.config.errors import UserError
from diptych.config.keys import value_at
from diptych.config.lightning_names import lightning_answer
from diptych.config.schema import ROLES, TASKS_OF_PARTS

HYDRA = "hydra."
SEARCHES = ("hydra/sweeper=", "sweep=")
OF_HYDRA = ("hydra/launcher=", *SEARCHES)
_NOISE = re.compile(r"\s*(full_key|reference_type|object_type|provider=)|Config search path")
_CONVERTED = re.compile(r"Value '(.*)' (?:of type '\w+' could not be converted to|is not a valid) (\w+)")
_KINDS = {"Integer": "a whole number", "Float": "a number", "bool": "true or false", "String": "a text"}
_OF_PART = re.compile(r"parts\.(\w+)\.(?:run|task)")
_LIST = re.compile(r"\[([^\[\]]*,[^\[\]]*)\]")
_EVALUATED = re.compile(r"while evaluating '(.*)': (.*)")
_ARGUMENT = re.compile(r"mismatch type argument \S+: (\w+) is incompatible")
_PLAIN = {"NoneType": "null", "str": "text", "dict": "mapping", "list": "list"}
_PART_AS_TEXT = re.compile(r"\+*parts\.(\w+)=((?!null$)[^{].*)")


def explain(error: HydraException, overrides: Sequence[str], config_dir: Path | None = None) -> str:
    """Hydra's message and its cause; for an unknown key, the key that the user probably meant."""
    parts = [part for override in overrides if (part := _PART_AS_TEXT.fullmatch(override))]
    if parts:
        return _explain_part(*parts[0].groups())
    unread = getattr(error, "override", None)
    if unread:
        return explain_unread(unread, error)
    texts = [str(error), *([str(error.__cause__)] if error.__cause__ else [])]
    lines = [line for text in texts for line in text.splitlines() if line.strip() and not _NOISE.match(line)]
    if found := re.search(r"Could not override '([^']+)'", lines[0]):
        return _explain_unknown(found[1], overrides, config_dir)
    if found := re.match(r"Error merging override (.*)", lines[0]):
        return _explain_value(found[1], lines[1:])
    if found := re.match(r"(\w+) appears more than once|Multiple values for (\w+)\.", lines[0]):
        group = found[1] or found[2]
        given = " ".join(one for one in overrides if one.lstrip("+").startswith(f"{group}="))
        return f"{given}: name all of them at once, as in {group}=[a,b] or +{group}=[a,b]"
    if found := re.match(r"Ambiguous value for argument '(.*)'", lines[0]):
        key, _, values = found[1].partition("=")
        as_list = "" if _takes_one(key) else f", or write {key}=[{values}] for a list"
        return f"{found[1]}: several values are a sweep: add -m{as_list}"
    return _explain_interval("\n".join(lines), overrides)


def _explain_unknown(key: str, overrides: Sequence[str], config_dir: Path | None) -> str:
    """What to write instead of a key that does not exist."""
    if answer := lightning_answer(key):
        return answer
    if (part := _OF_PART.fullmatch(key)) and part[1] in TASKS_OF_PARTS:
        return f"there is no {key} to set: this model borrows no {part[1]}; add +parts.{part[1]}.run=… {_task(part[1])}"
    others = [override for override in overrides if override.lstrip("+~").partition("=")[0] != key]
    if key.startswith("hydra.sweeper.") and not any(override.startswith(SEARCHES) for override in overrides):
        return f"there is no {key} to set; only searches have this setting: add hydra/sweeper=optuna"
    return f"there is no {key} to set{_instead(key, others, config_dir)}"


def _explain_value(override: str, reasons: Sequence[str]) -> str:
    """The override, and what its key takes."""
    key, _, value = override.partition("=")
    reason = " ".join(reasons)
    if found := _CONVERTED.search(reason):
        is_whole = found[2] == "Integer" and re.fullmatch(r"\d+\.0", found[1])
        fix = f": write {key}={int(float(found[1])):_}" if is_whole else ""
        return f"{override}: this key takes {_KINDS.get(found[2], found[2])}{fix}"
    if "is not a ListConfig" in reason:
        return f"{override}: this key takes a list: write {key}=[{value}]"
    if "is not Optional" in reason:
        return f"{override}: this key needs a value"
    if re.search(r"Cannot assign|Merge error|is not a subclass", reason):
        return f"{override}: this is a group of keys; set one of them, as in {key}.KEY={value}"
    return f"{override}: {reason}"


def explain_unread(override: str, error: HydraException) -> str:
    """Why Hydra cannot read an override, and how to write it."""
    key, _, value = override.partition("=")
    call = _EVALUATED.search(" ".join(str(error).splitlines()))
    if call:
        misfit = _ARGUMENT.search(call[2])
        reason = f"it takes no {_PLAIN.get(misfit[1], misfit[1])} there" if misfit else call[2]
        return f"{override}: {call[1]} cannot be read: {reason}"
    if _open_brackets(value):
        return f"{override}: a bracket or a quote in it does not close"
    quoted = value.replace("'", "\\'")
    return (
        f"{override}: Hydra reads some of these characters as its own; put two pairs of quotes around the value: "
        f"\"{key}='{quoted}'\""
    )


def _open_brackets(value: str) -> bool:
    """Whether brackets or quotes do not match."""
    bare = re.sub(r"\\.|'[^']*'|\"[^\"]*\"", "", value)
    return any(bare.count(one) != bare.count(other) for one, other in ("()", "[]", "{}")) or bool(
        re.search("['\"]", bare)
    )


def nearest(wrong: str, names: Iterable[str]) -> str | None:
    """The most similar name; one with the same letters in another order comes first."""
    close = difflib.get_close_matches(wrong, list(names), n=3, cutoff=0.7)
    swapped = [name for name in close if sorted(name) == sorted(wrong)]
    return next(iter(swapped + close), None)


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
        f"for a model without this part, +{key}.run={run} {_task(part)}"
    )


def _task(part: str) -> str:
    """The override that says what a part is trained for, as its name suggests."""
    return f"+parts.{part}.task={TASKS_OF_PARTS.get(part, 'captioning')}"


def check_choices(overrides: Sequence[str], config_dir: Path | None = None) -> None:
    """Refuse `GROUP=null`, which Hydra cannot read, and `GROUP=[a,b]` where b would replace a without a word."""
    for override in overrides:
        key, _, value = override.lstrip("+").partition("=")
        group = key.partition("@")[0]
        if value.lower() == "null" and (names := sorted({*options(group), *_own_options(group, config_dir)})):
            raise UserError(f"{override}: choose one of {', '.join(names)}, or leave it out with ~{key}")
        if _takes_one(key) and (several := _LIST.fullmatch(value)):
            raise UserError(f"{override}: a run has one {key}; to try several, add -m and write {key}={several[1]}")


def _takes_one(key: str) -> bool:
    """Whether a run has one of these, and no list of them."""
    return key.rpartition("@")[2] in (*ROLES, "system", "data", "model")


def _own_options(group: str, config_dir: Path | None) -> list[str]:
    return [] if config_dir is None else [path.stem for path in (config_dir / group).glob("*.yaml")]


def composed(overrides: Sequence[str]) -> dict[str, Any]:
    """Like `compose`, but Hydra's errors become a short `UserError`."""
    with hydra_explained(overrides):
        return compose(overrides)


@contextmanager
def hydra_explained(overrides: Sequence[str], config_dir: Path | None = None) -> Iterator[None]:
    """While entered, Hydra's errors become a short `UserError`."""
    check_choices(overrides, config_dir)
    try:
        yield
    except HydraException as error:
        raise UserError(explain(error, overrides, config_dir)) from error


def _instead(wrong: str, other_overrides: Sequence[str], config_dir: Path | None) -> str:
    """The key that was probably meant; else how to add it, if something reads it; else its neighbours."""
    try:
        if wrong.startswith(HYDRA):
            chosen = [override for override in other_overrides if override.startswith(OF_HYDRA)]
            meant = _nearest_sibling(wrong, _paths(hydra_settings(chosen, config_dir), HYDRA))
            return f"; did you mean {meant}?" if meant else ""
        config = configured_names(other_overrides, config_dir)
    except (HydraException, UserError, AssertionError):
        return ""
    groups = [folder.name for folder in conf_folder().iterdir() if folder.is_dir()]
    if meant := _nearest(wrong, [*_paths(config), *groups]):
        return f"; did you mean {meant}?"
    group, _, name = wrong.rpartition(".")
    node = _at(config, group)
    if _reads(node, group, name):
        return f" in the files; to add it, write +{wrong}=…"
    keys = ", ".join(key for key in node if not str(key).startswith("_"))
    return f"; {group} has {keys}" if keys else ""


def _nearest(wrong: str, paths: Sequence[str]) -> str | None:
    """The key that begins so, or the nearest with the same last name, else the nearest that is as deep."""
    begun = [path for path in paths if path.startswith(f"{wrong}_") and "." not in path.removeprefix(wrong)]
    if len(begun) == 1:
        return begun[0]
    of_that_name = [path for path in paths if path.rpartition(".")[2] == wrong.rpartition(".")[2]]
    if of_that_name:
        return max(of_that_name, key=lambda path: difflib.SequenceMatcher(None, wrong, path).ratio())
    return nearest(wrong, (path for path in paths if path.count(".") == wrong.count(".")))


def _reads(node: Any, key: str, name: str) -> bool:
    """Whether the component of this node has a parameter of this name."""
    try:
        return "_target_" in node and name in components.parameter_names(node, key)
    except UserError:
        return False


def _at(config: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The group at a path; empty if there is none."""
    node = value_at(config, path)
    return node if isinstance(node, Mapping) else {}


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
