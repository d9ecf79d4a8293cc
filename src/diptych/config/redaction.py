"""Redact paths, names and keys from plain values.

Redacted paths lead out of the working directory, on this machine or another. Web addresses stay, without the user
names, passwords and keys in them.
"""

import re
from collections.abc import Collection
from typing import Any

_ELSEWHERE = re.compile(r"(/|~|\\\\|[A-Za-z]:[\\/]|file:|([^=]*[\\/])?\.\.([\\/]|$))")
"""The start of a text that is a path as a whole, including blanks."""
_PATH_IN_TEXT = re.compile(
    r"""(?:
        (?<![\w…./\\~-])(?:
            (?:afp|cifs|file|git\+ssh|hdfs|nfs|rsync|scp|sftp|smb|ssh|viewfs|webhdfs)://
          | [\w.+-]{1,64}@[\w.-]{1,255}:(?=[\w./~])                # user@host:path
          | (?:[\w.-]{1,255}:)?(?:
                /(?![/\s]|$|\d+(?:\.\d+)?(?![\w/\\-]))             # /path, host:/path, but not 1 /2
              | ~[\w.-]{0,64}[\\/]                                 # ~/path, ~user/path
            )
          | [A-Za-z]:[\\/](?!/) | \\\\(?=\w) | (?<!:)//(?=\w)      # C:\path, \\host\path, //host/path
          | (?<![^\s=:'",;()\[\]{}<>|&])(?:[^\s=:'",;()\[\]{}<>|&]*[\\/])?\.\.[\\/]
        )
      | (?:(?<=^-[A-Za-z])|(?<=[\s=:'",;(\[]-[A-Za-z]))            # -I/path/inc, -L~/lib
        (?:/(?=[^\s/]{1,255}/)|~[\w.-]{0,64}/)
    )[^\s'",;()\[\]{}<>|&`]*""",
    re.VERBOSE,
)
"""A path within a longer text, up to the next blank."""
_ADDRESS = re.compile(r"(?:(?:[\w.+-]+@)?[\w.+-]+:)?(?:(?://|\\\\)[^\\/]*)?")
"""The optional prefix of a path: user, machine, protocol."""
_USER = re.compile(r"([A-Za-z][\w+.-]{0,30}://)[^\s/?#'\"]*@")
_WEB = re.compile(r"(?<=://)[^\s'\"]+")
_NAME_OF_KEY = r"[^=?&#;\s]{0,200}(?:auth|cred|key|pass|secret|sig|token)[^=?&#;\s]{0,200}="
_KEY = re.compile(rf"([?&#]{_NAME_OF_KEY})[^&#\s'\"]+", re.IGNORECASE)
_KEY_OF_WEB = re.compile(rf"(;{_NAME_OF_KEY})[^&#;\s'\"]+", re.IGNORECASE)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,63}(?!\.?[\w=@-])")
"""A mail address, but not `optimizer@system.optimizer=adam`."""
_HINT = re.compile(r"[/\\~@?&#]|\.\.|file:")
"""A text without any of these needs no redaction; most values of a configuration have none."""
_HOMES = ("home", "user", "Users")
CUT = "…"


def without_paths(values: Any) -> Any:
    """Plain values with paths cut to their last name, and web addresses without users and keys."""
    if isinstance(values, dict):
        return {without_paths(name): without_paths(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [without_paths(value) for value in values]
    return _without_paths(values) if isinstance(values, str) else values


def without_names(values: Any, names: Collection[str]) -> Any:
    """Plain values without the given names and their domains; class names in `_target_` stay."""
    if isinstance(values, dict):
        return {key: value if key == "_target_" else without_names(value, names) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [without_names(value, names) for value in values]
    if not names or not isinstance(values, str):
        return values
    any_name = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.sub(rf"(?<!\w)(?:{any_name})(?!\w)(?:\.[\w-]+)*", CUT, values)


def _without_paths(text: str) -> str:
    if not _HINT.search(text):
        return text
    text = _without_keys(_USER.sub(r"\1", text))
    text = _last_name(text) if _ELSEWHERE.match(text) else _PATH_IN_TEXT.sub(lambda path: _last_name(path[0]), text)
    return _MAIL.sub(CUT, text)


def _without_keys(text: str) -> str:
    text = _KEY.sub(rf"\1{CUT}", text)
    return _WEB.sub(lambda address: _KEY_OF_WEB.sub(rf"\1{CUT}", address[0]), text)


def _last_name(path: str) -> str:
    names = [name for name in re.split(r"[\\/]", _ADDRESS.sub("", path, count=1)) if name not in ("", ".", "..")]
    is_home = len(names) == 2 and names[0] in _HOMES
    return CUT if not names or is_home or names[-1].startswith("~") else f"{CUT}/{names[-1]}"
