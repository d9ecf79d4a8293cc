"""Damage to what valid bytes mean: JSON values, lines of tables, instructions of pickles, headers of tar files."""

import json
import pickletools
from collections.abc import Sequence
from random import Random
from typing import Any

from .mutations import place

TEXTS = (
    *("", " ", "\0", "\x1b[2J", "\ud800", "\u202e", "\u200b", "é" * 300, "a" * 70_000),
    *("../../x.jpg", "/etc/passwd", "0.jpg"),
)
SCALARS = (None, True, False, 0, -1, 2**31, 10**400, 0.5, 1e308, float("nan"), float("inf"))
SEPARATORS = (",", ";", "\t", "|", '"', "'", "#", "\r", "\n", "\r\n", "\\", "\0", "\x1a", "\u2028", "\ufeff", " ")
NUMBERS_IN_TEXT = ("", "0", "-1", "7" * 11, "7" * 5_000, "9999999999999", "0x10", "٣")
BLOCK = 512
TAR_FIELDS = {
    "name": (0, 100),
    "size": (124, 136),
    "type": (156, 157),
    "link": (157, 257),
    "magic": (257, 265),
    "prefix": (345, 500),
}
MOST_TEXT = 200_000
TABLES = ("{n}", "x.jpg,{n}", "x.jpg#{n}\t{n}", "x.jpg\t{n}", "{n}.jpg,{n}", '{{"file_name": "x.jpg", "text": "{n}"}}')
ARGUMENTS = (b"", b"\0", b"\1\0\0\0", b"os\nsystem\n", b"\x04text", b"9" * 5_000 + b"\n")


def other_json(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """A JSON document, or JSON lines, in which some values are others."""
    try:
        rows = [json.loads(line) for line in rng.choice(seeds).decode().splitlines()]
    except ValueError:
        rows = [json.loads(rng.choice(seeds))]
    for _ in range(rng.randint(1, 4)):
        rows[rng.randrange(len(rows))] = _other(rng, rng.choice(rows))
    text = "\n".join(json.dumps(row, ensure_ascii=rng.random() < 0.5) for row in rows)
    return text.encode("utf-8", "surrogatepass")


def _other(rng: Random, value: Any) -> Any:
    """The value with a change somewhere in it."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        changed = {**value, key: _other(rng, value[key])}
        if rng.random() < 0.2:
            changed[_text(rng)] = changed.pop(key)
        return changed
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        return [*value[:at], _other(rng, value[at]), *value[at + rng.randrange(2) :]]
    return rng.choice((_scalar, _text, _deep, _many, _wide))(rng)


def _scalar(rng: Random) -> Any:
    return rng.choice(SCALARS)


def _text(rng: Random) -> str:
    return rng.choice(TEXTS)


def _deep(rng: Random) -> Any:
    value: Any = _scalar(rng)
    for _ in range(rng.choice((1, 2, 100, 400))):
        value = [value] if rng.random() < 0.5 else {"text": value}
    return value


def _many(rng: Random) -> Any:
    return [f"{rng.random()}" for _ in range(rng.choice((0, 2, 2_000)))]


def _wide(rng: Random) -> Any:
    return {f"{rng.random()} file": number for number in range(rng.choice((0, 2, 2_000)))}


def nested_json(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """Brackets within brackets, more of them than a stack holds, or just as many."""
    depth, opening = rng.choice((200, 900, 950, 980, 990, 1_000, 100_000)), rng.choice(('{"a":', "[", '{"text":['))
    start = rng.choice(("", "[", '{"images": [], "annotations": ', '{"0.jpg": ', '{"file_name": "0.jpg", "text": '))
    brackets = start + opening * depth
    text = brackets + "0" + "".join({"{": "}", "[": "]"}.get(bracket, "") for bracket in reversed(brackets))
    return text.encode()


def other_lines(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """Lines of a table with separators, quotes and line ends in other places, or many more of them."""
    text = rng.choice(seeds).decode("utf-8", "replace")
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(text) + 1)
        new = rng.choice((*SEPARATORS, *TEXTS))
        times = min(rng.choice((1, 1, 1, 1, 2, 2, 1_000, 60_000)), MOST_TEXT // max(1, len(new)))
        text = text[:at] + new * times + text[at + rng.choice((0, 0, 1, 5)) :]
    return text.encode("utf-8", "surrogatepass")


def many_lines(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """Very many short lines, all different or all the same."""
    number, same = rng.choice((300, 300, 3_000, 20_000)), rng.random() < 0.5
    start = rng.choice(seeds).decode("utf-8", "replace").splitlines()
    form = rng.choice(TABLES)
    lines = (form.format(n=0 if same else n) for n in range(number))
    return "\n".join([*start[:1], *lines]).encode("utf-8", "replace")


def instructions(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """A pickle of instructions in any order, behind the beginning of a valid one."""
    start = rng.choice(seeds)
    parts = [start[: place(rng, start)]] if rng.random() < 0.7 else []
    for _ in range(rng.choice((1, 5, 40))):
        code = rng.choice(pickletools.opcodes).code.encode("latin-1")
        argument = rng.choice((*ARGUMENTS, rng.randbytes(4)))
        parts.append((code + argument) * rng.choice((1, 1, 1, 2, 1_000)))
    return b"".join(parts) + b"."


def other_headers(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """A tar file in which headers say something else; their checksums are right, so that they are believed."""
    data = bytearray(rng.choice(seeds))
    starts = [at for at in range(0, len(data), BLOCK) if data[at + 257 : at + 262] == b"ustar"]
    for _ in range(rng.randint(1, 3)):
        start, (first, end) = rng.choice(starts), rng.choice(list(TAR_FIELDS.values()))
        data[start + first : start + end] = _field(rng, end - first)
        data[start + 148 : start + 156] = b" " * 8
        data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + BLOCK])
    return bytes(data)


def _field(rng: Random, size: int) -> bytes:
    if size == 1:
        return bytes((rng.choice(b"0123456789ABDKLMNSVXgx\0"),))
    if size == 12 and rng.random() < 0.8:
        number = rng.choice((0, 1, 511, 512, 2**20, 2**33, 2**62, 2**80))
        return b"\x80" + number.to_bytes(11, "big") if rng.random() < 0.5 else b"%011o\0" % (number % 8**11)
    text = rng.choice((*TEXTS, *NUMBERS_IN_TEXT)).encode("utf-8", "surrogatepass")
    return text[:size].ljust(size, b"\0")
