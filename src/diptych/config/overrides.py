"""Command-line overrides: key and value as Hydra reads them, and what people type as Hydra can read it."""

import os
import re
from functools import lru_cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

REMOVED = "removed"
_HOME = re.compile(r"(?<=[=,:\[(])~[\w.-]*(?=[/,\])}]|$)")
"""A home folder at the beginning of a value or of an item in it, outside quotes."""
_CHOICE = re.compile(r"choice\(([^()]*)\)")
_SPECIAL = re.compile(r"([\\()\[\]{}:=, \t])")


def readable(argument: str) -> str:
    """The argument as Hydra reads it: home folders in full, and a choice that contains null as a plain list.

    A shell expands `~` only where an argument begins with it, and Hydra's `choice(…)` takes no null.
    """
    key, equals, value = argument.partition("=")
    if not equals or argument.startswith(("-", "~")):
        return argument
    choice = _CHOICE.fullmatch(value)
    if choice and "null" in [item.strip() for item in choice[1].split(",")]:
        value = choice[1]
    return f"{key}={_HOME.sub(_home, f'={value}')[1:]}"


def _home(found: re.Match[str]) -> str:
    return _SPECIAL.sub(r"\\\1", os.path.expanduser(found[0]))


@lru_cache(maxsize=4096)
def read_override(argument: str) -> tuple[str, Any] | None:
    """Key and value of `key=value`, `+key=value` or `~key` (`removed`); None for a flag such as `-m`.

    Numbers, booleans, null, lists and dicts become Python values; a value that Hydra cannot read stays text.
    """
    if argument.startswith("-"):
        return None
    try:
        override = OverridesParser.create().parse_override(argument)
    except HydraException:
        key, _, text = argument.partition("=")
        return key.lstrip("+~"), text
    key = override.get_key_element().lstrip("+~")
    if override.is_delete():
        return key, REMOVED
    return key, argument.partition("=")[2] if override.is_sweep_override() else override.value()
