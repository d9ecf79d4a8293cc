"""Where things lie on one machine, and how to say what is there without saying where."""

import re
from typing import Any

_ELSEWHERE = re.compile(r"(/|~|\\\\|[A-Za-z]:[\\/]|file:|(.*[\\/])?\.\.([\\/]|$))")


def without_places(values: Any) -> Any:
    """Plain values in which paths out of the folder where the command was typed are cut to their last name."""
    if isinstance(values, dict):
        return {name: without_places(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [without_places(value) for value in values]
    return _last_name(values) if isinstance(values, str) and _ELSEWHERE.match(values) else values


def _last_name(path: str) -> str:
    names = [name for name in re.split(r"[\\/]", path.removeprefix("file:")) if name not in ("", ".", "..", "~")]
    return f"…/{names[-1]}" if names else "…"
