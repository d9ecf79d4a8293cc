"""Read the key and the value of a command-line override, as Hydra does."""

from functools import lru_cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

REMOVED = "removed"


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
