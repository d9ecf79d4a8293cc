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
"""A path within a longer text, where a blank ends it."""
_ADDRESS = re.compile(r"(?:(?:[\w.+-]+@)?[\w.+-]+:)?(?:(?://|\\\\)[^\\/]*)?")
"""What may stand before a path: who, on which machine, by which protocol."""
_WHO = re.compile(r"([A-Za-z][\w+.-]{0,30}://)[^\s/?#'\"]*@")
_WEB = re.compile(r"(?<=://)[^\s'\"]+")
_NAME_OF_KEY = r"[^=?&#;\s]{0,200}(?:auth|cred|key|pass|secret|sig|token)[^=?&#;\s]{0,200}="
_KEY = re.compile(rf"([?&#]{_NAME_OF_KEY})[^&#\s'\"]+", re.IGNORECASE)
_KEY_OF_WEB = re.compile(rf"(;{_NAME_OF_KEY})[^&#;\s'\"]+", re.IGNORECASE)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,63}(?!\.?[\w=@-])")
"""Not `optimizer@system.optimizer=adam`."""
_HINT = re.compile(r"[/\\~@?&#]|\.\.|file:")
"""Without any of these there is nothing to cut, and most texts of a configuration have none."""
_HOMES = ("home", "user", "Users")
CUT = "…"


def without_paths(values: Any) -> Any:
    """Plain values in which places are cut to their last name, and addresses to what everybody may see."""
    if isinstance(values, dict):
        return {without_paths(name): without_paths(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [without_paths(value) for value in values]
    return _without_paths(values) if isinstance(values, str) else values


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


def _without_paths(text: str) -> str:
    if not _HINT.search(text):
        return text
    text = _without_keys(_WHO.sub(r"\1", text))
    text = _last_name(text) if _ELSEWHERE.match(text) else _PLACE.sub(lambda place: _last_name(place[0]), text)
    return _MAIL.sub(CUT, text)


def _without_keys(text: str) -> str:
    text = _KEY.sub(rf"\1{CUT}", text)
    return _WEB.sub(lambda address: _KEY_OF_WEB.sub(rf"\1{CUT}", address[0]), text)


def _last_name(path: str) -> str:
    names = [name for name in re.split(r"[\\/]", _ADDRESS.sub("", path, count=1)) if name not in ("", ".", "..")]
    is_home = len(names) == 2 and names[0] in _HOMES
    return CUT if not names or is_home or names[-1].startswith("~") else f"{CUT}/{names[-1]}"
