"""A family's sampling or caption options, from what people type (`KEY=VALUE`) or give in Python."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any, get_type_hints

import yaml

from diptych.config.components import converted, fits
from diptych.config.errors import UserError

RESERVED = (
    "sentences",
    "num_images",
    "seed",
    "size",
    "finish",
    "frames",
    "numbers",
    "allow_unknown",
    "noise_keys",
    "noise",
    "latents",
    "batch_size",
    "use_ema",
    "options",
    "progress",
)
"""What `generate` takes beside a family's options, in Python; no option can have such a name."""
FLAGS = {"num_images": "--num"} | {
    name: f"--{name.replace('_', '-')}" for name in ("seed", "size", "frames", "allow_unknown")
}
"""Those that the command line has an argument for."""
_PAIR = re.compile(r"([a-z_][a-z0-9_]*)=(.*)", re.DOTALL)
_EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")
"""Numbers that YAML 1.1 reads as text."""


@dataclass(frozen=True)
class Asked:
    """What a kind of options is called in messages.

    `reserved` are the other arguments of the method that takes them, `flags` those of the command line by their names
    in Python.
    """

    what: str
    method: str
    reserved: Collection[str]
    flags: Mapping[str, str]


OF_IMAGES = Asked("sampling option", "generate", RESERVED, FLAGS)
OF_CAPTIONS = Asked("caption option", "captions", ("pictures",), {})


def separated(words: Iterable[str], texts: Collection[str] = ()) -> tuple[list[str], dict[str, Any]]:
    """Sentences, and `KEY=VALUE` options read as YAML; a sentence may have a `=` after a space.

    Options among `texts` are texts, or lists of texts in brackets: `on` and `7` are words.
    """
    sentences, options = [], {}
    for word in words:
        if pair := _PAIR.fullmatch(word):
            options[pair[1]] = _read_texts(word, pair[2]) if pair[1] in texts else _read(word, pair[2])
        else:
            sentences.append(word)
    return sentences, options


def options_from(family: type[Any], values: Mapping[str, Any], asked: Asked = OF_IMAGES) -> Any:
    """The family's options with these values; what they cannot be is refused by name."""
    known = {name: kind for name, kind in get_type_hints(family).items() if name in {f.name for f in fields(family)}}
    if taken := [name for name in known if name in asked.reserved]:
        raise TypeError(
            f"{family.__name__}.{taken[0]}: `{asked.method}` has an argument of this name; give yours another"
        )
    for key, value in values.items():
        if key not in known:
            raise UserError(f"{key}={value}: this run has no such {asked.what}{_instead(key, known, asked.flags)}")
        if not fits(value, known[key]) or (isinstance(value, float) and not isfinite(value)):
            kind = getattr(known[key], "__name__", None) or str(known[key])
            raise UserError(f"{key}={value!r}: this {asked.what} is of type {kind}")
    try:
        return family(**{key: converted(value, known[key]) for key, value in values.items()})
    except ValueError as error:
        raise UserError(str(error)) from None


def as_values(options: Any) -> dict[str, Any]:
    """Every option and its value, for protocols and records."""
    return asdict(options)


def _read(word: str, text: str) -> Any:
    try:
        return float(text) if _EXPONENT.fullmatch(text) else yaml.safe_load(text)
    except yaml.YAMLError:
        raise UserError(f"{word}: the value cannot be read; write a number, true, false or a word") from None


def _read_texts(word: str, text: str) -> Any:
    if not text.startswith("["):
        return text
    try:
        return yaml.load(text, yaml.BaseLoader)
    except yaml.YAMLError:
        raise UserError(f"{word}: the list cannot be read; write [one,two]") from None


def _instead(key: str, known: Iterable[str], flags: Mapping[str, str]) -> str:
    names = list(known)
    if key in flags:
        return f"; the command line has {flags[key]}"
    if close := difflib.get_close_matches(key, names, n=1):
        return f"; did you mean {close[0]}=…?"
    return f"; it has {', '.join(names)}" if names else "; it has none"
