"""Which values of a configuration follow other values: its interpolations, kept when it is resolved.

A resolved configuration has only values. Under the key `derived` it also keeps the expression of every value that
another value determines, by its path: `{"schedule.total_images": "${budget_images}"}`. So a changed budget moves what
was derived from it. A value that no longer equals its expression was set by hand, and stays.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import Container, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from diptych.config.keys import value_at

DERIVED = "derived"
_REFERENCE = re.compile(r"\$\{\s*(?:oc\.select:)?\s*[.\w]+\s*[,}]")
_REFERENCE_NAME = re.compile(r"\$\{\s*(?:oc\.select:)?\s*([\w.]*\w)\s*[,}]")
_PLACE_OR_MOMENT = re.compile(r"\$\{\s*(?:hydra:|oc\.env:|sweep_id:)")
"""What another process or another moment would resolve to another value."""


def expressions_of(config: Container) -> dict[str, str]:
    """The expressions of an unresolved configuration that refer to its other values, by path."""
    unresolved = OmegaConf.to_container(config, resolve=False)
    return {path: text for path, text in _texts(unresolved) if _follows(text)}


def still_derived(values: Mapping[str, Any]) -> dict[str, str]:
    """The kept expressions that still give the values of a resolved configuration."""
    config = OmegaConf.create({key: value for key, value in values.items() if key != DERIVED})
    return {path: text for path, text in values.get(DERIVED, {}).items() if _gives_its_value(config, path, text)}


def put_back(config: Container, expressions: Mapping[str, str]) -> None:
    """Let the values follow again."""
    for path, text in expressions.items():
        _set(config, path, text)


def moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Every value that followed a change, in words."""
    values = [
        (path, text, value_at(before, path), value_at(after, path)) for path, text in after.get(DERIVED, {}).items()
    ]
    return [f"{path}: {old!r} → {new!r}, because it follows {text}" for path, text, old, new in values if old != new]


def left_behind(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Every value that should have followed a change and could not, in words.

    That is so where its expression needs a resolver of the user's own, which a resume does not import.
    """
    lost = before.get(DERIVED, {}).items() - after.get(DERIVED, {}).items()
    return [
        f"{path}={value_at(after, path)!r} stays, though it was {text} when the run began"
        for path, text in sorted(lost)
        if value_at(before, path) == value_at(after, path)
        and any(value_at(before, key) != value_at(after, key) for key in _REFERENCE_NAME.findall(text))
    ]


def _follows(text: str) -> bool:
    return bool(_REFERENCE.search(text)) and not _PLACE_OR_MOMENT.search(text)


def _texts(node: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if isinstance(value, str) and "${" in value:
            yield f"{prefix}{key}", value
        else:
            yield from _texts(value, f"{prefix}{key}.")


def _gives_its_value(config: Container, path: str, text: str) -> bool:
    value = OmegaConf.select(config, path)
    try:
        _set(config, path, text)
        return OmegaConf.select(config, path) == value
    except (OmegaConfBaseException, KeyError, ValueError):  # a resolver of the user's own, which is not registered here
        return False
    finally:
        _set(config, path, value)


def _set(config: Container, path: str, value: Any) -> None:
    parent, _, name = path.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else config
    if OmegaConf.is_list(node):
        node[int(name)] = value
    elif node is not None:
        node[name] = value
