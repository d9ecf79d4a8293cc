"""A family's sampling options, from what people type (`KEY=VALUE`) or give in Python."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

import yaml

from diptych.config.components import fits
from diptych.config.errors import UserError

_PAIR = re.compile(r"([a-z_][a-z0-9_]*)=(.*)", re.DOTALL)


def separated(words: Iterable[str]) -> tuple[list[str], dict[str, Any]]:
    """Sentences, and `KEY=VALUE` options read as YAML; a sentence may have a `=` after a space."""
    sentences, options = [], {}
    for word in words:
        if pair := _PAIR.fullmatch(word):
            options[pair[1]] = _read(word, pair[2])
        else:
            sentences.append(word)
    return sentences, options


def options_from(family: type[Any], values: Mapping[str, Any]) -> Any:
    """The family's options with these values; what they cannot be is refused by name."""
    known = {option.name: option.type for option in fields(family)}
    for key, value in values.items():
        if key not in known:
            raise UserError(f"{key}={value}: this run has no such sampling option{_instead(key, known)}")
        if not fits(value, known[key]):
            kind = getattr(known[key], "__name__", None) or str(known[key])
            raise UserError(f"{key}={value!r}: this sampling option is of type {kind}")
    try:
        return family(**values)
    except ValueError as error:
        raise UserError(str(error)) from None


def as_values(options: Any) -> dict[str, Any]:
    """Every option and its value, for protocols and records."""
    return asdict(options)


def _read(word: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise UserError(f"{word}: the value cannot be read; write a number, true, false or a word") from None


def _instead(key: str, known: Iterable[str]) -> str:
    names = list(known)
    if close := difflib.get_close_matches(key, names, n=1):
        return f"; did you mean {close[0]}=…?"
    return f"; it has {', '.join(names)}" if names else "; it has none"
