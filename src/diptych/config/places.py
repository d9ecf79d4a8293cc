"""Where things lie on one machine and who works there, and how to speak of the rest without saying so.

A place is a path out of the folder where the command was typed, on this machine or another. Addresses on the web are
none, but what they hold of names, passwords and keys is nobody's business.
"""

import re
from collections.abc import Collection
from typing import Any

_ELSEWHERE = re.compile(r"(/|~|\\\\|[A-Za-z]:[\\/]|file:|([^=]*[\\/])?\.\.([\\/]|$))")
"""How a text begins that is a path as a whole, blanks and all."""
_PLACE = re.compile(
    r"""(?<![\w…./\\~-])(?:
        (?:file|git\+ssh|nfs|rsync|scp|sftp|smb|ssh)://
      | [\w.+-]+@[\w.-]+:(?=[\w./~])                            # user@host:path
      | (?:[\w.-]+:)?(?:/(?![/\s]|$)|~[\w.-]*[\\/])             # /path, ~/path, ~user/path, host:/path
      | [A-Za-z]:[\\/](?!/) | \\\\(?=\w) | (?<!:)//(?=\w)       # C:\path, \\host\path, //host/path
      | (?:[^\s=:'",;()\[\]{}<>|&]*[\\/])?\.\.[\\/]
    )[^\s'",;()\[\]{}<>|&`]*""",
    re.VERBOSE,
)
"""A path within a longer text, where a blank ends it."""
_ADDRESS = re.compile(r"(?:(?:[\w.+-]+@)?[\w.+-]+:)?(?:(?://|\\\\)[^\\/]*)?")
"""What may stand before a path: who, on which machine, by which protocol."""
_WHO = re.compile(r"([A-Za-z][\w+.-]*://)[^\s/?#'\"]*@")
_KEY = re.compile(r"([?&][^=&\s]*(?:auth|cred|key|pass|secret|sig|token)[^=&\s]*=)[^&\s#'\"]+", re.IGNORECASE)
_HOMES = ("home", "Users")
CUT = "…"


def without_places(values: Any) -> Any:
    """Plain values in which places are cut to their last name, and addresses to what everybody may see."""
    if isinstance(values, dict):
        return {without_places(name): without_places(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [without_places(value) for value in values]
    return _without_places(values) if isinstance(values, str) else values


def without_names(values: Any, names: Collection[str]) -> Any:
    """Plain values (but for names of classes) without words that are one of the names; a host's domain goes too."""
    if isinstance(values, dict):
        return {key: value if key == "_target_" else without_names(value, names) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [without_names(value, names) for value in values]
    if not names or not isinstance(values, str):
        return values
    any_name = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.sub(rf"(?<!\w)(?:{any_name})(?!\w)(?:\.[\w-]+)*", CUT, values)


def _without_places(text: str) -> str:
    text = _KEY.sub(rf"\1{CUT}", _WHO.sub(r"\1", text))
    return _last_name(text) if _ELSEWHERE.match(text) else _PLACE.sub(lambda place: _last_name(place[0]), text)


def _last_name(path: str) -> str:
    names = [name for name in re.split(r"[\\/]", _ADDRESS.sub("", path, count=1)) if name not in ("", ".", "..")]
    is_home = len(names) == 2 and names[0] in _HOMES
    return CUT if not names or is_home or names[-1].startswith("~") else f"{CUT}/{names[-1]}"
