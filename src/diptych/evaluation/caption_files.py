"""Files of captions by picture, in any of the forms in which the field keeps them; nothing here opens a picture.

- COCO's captions: an object with `annotations`, each with `image_id` and `caption`
- COCO's results: a list of objects with `image_id` and `caption`
- an object from ids to a caption or to a list of captions
- JSON lines, each with an id (`image_id`, `id`, `file_name` or `file`) and with `caption`, `captions` or `text`

Ids are compared as text, so that 42 and "42" are the same picture. Files may be compressed (`.gz`).
"""

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError

ID_KEYS = ("image_id", "id", "file_name", "file")
CAPTION_KEYS = ("caption", "captions", "text")
NAMED = 5


def read_captions(path: Path) -> dict[str, list[str]]:
    """The captions of each picture, in the file's order; a UserError says what is wrong with the file."""
    return captions_in(read_json(path), path)


def read_predictions(path: Path) -> dict[str, str]:
    """The one caption of each picture."""
    captions = read_captions(path)
    if several := [key for key, texts in captions.items() if len(texts) > 1]:
        named = ", ".join(several[:NAMED]) + (", …" if len(several) > NAMED else "")
        raise UserError(f"{path}: several captions for {len(several):,} pictures ({named}); predict one each")
    return {key: texts[0] for key, texts in captions.items()}


def read_json(path: Path) -> Any:
    """The parsed file; of JSON lines the list of them."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    try:
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
        if ".jsonl" in path.suffixes:
            return [_parsed(line) for line in text.splitlines() if line.strip()]
        return _parsed(text)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise UserError(
            f"{path} cannot be read as JSON: {error}; it must be UTF-8, compressed just where the name ends in .gz"
        ) from error


def _parsed(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_each_key_once)


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON itself would keep the last of equal keys, without a word."""
    table = dict(pairs)
    if len(table) < len(pairs):
        twice = next(key for key, number in Counter(key for key, _ in pairs).items() if number > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object; keep one")
    return table


def captions_in(table: Any, path: Path) -> dict[str, list[str]]:
    """The captions that a parsed file holds."""
    captions: dict[str, list[str]] = {}
    for key, texts in _entries(table, path):
        captioned = [texts] if isinstance(texts, str) else texts
        if not captioned:
            raise UserError(f"{path}: picture {key} has no caption; give it one or leave it out")
        for text in captioned:
            _check_text(text, f"{path}: a caption of picture {key!a}")
        _check_text(str(key), f"{path}: the id of a picture")
        captions.setdefault(str(key), []).extend(captioned)
    if not captions:
        raise UserError(f"{path} holds no captions")
    return captions


def _entries(table: Any, path: Path) -> Iterator[tuple[Any, Any]]:
    if isinstance(table, Mapping) and "annotations" not in table:
        yield from ((key, texts) for key, texts in table.items() if _has_caption(key, texts, path))
        return
    for number, row in enumerate(_rows(table, path), start=1):
        key, texts = _first(row, ID_KEYS), _first(row, CAPTION_KEYS)
        if isinstance(key, bool) or not isinstance(key, str | int) or not isinstance(texts, str | list):
            raise UserError(
                f"{path}: entry {number} is {str(row)[:80]}; it needs {' or '.join(ID_KEYS)} (a whole number or text) "
                f"and {' or '.join(CAPTION_KEYS)}"
            )
        yield key, texts


def _rows(table: Any, path: Path) -> list[Any]:
    under, rows = ("", table) if not isinstance(table, Mapping) else ("under 'annotations' ", table["annotations"])
    if isinstance(rows, list):
        return rows
    raise UserError(
        f"{path}: {under}there is {str(rows)[:60]}; it must be a list of objects with an id and a caption, or the "
        "whole file an object from ids to captions"
    )


def _has_caption(key: str, texts: Any, path: Path) -> bool:
    if isinstance(texts, str | list):
        return True
    raise UserError(f"{path}: under {key!r} there is {str(texts)[:60]}, neither a caption nor a list of captions")


def _check_text(text: Any, what: str) -> None:
    """Text that can be written again: half a character (a surrogate) cannot."""
    if not isinstance(text, str):
        raise UserError(f"{what} is {str(text)[:60]}, which is no text")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise UserError(f"{what} is {ascii(text)[:60]}, which holds half a character: write it whole, or as UTF-8")


def _first(row: Any, names: tuple[str, ...]) -> Any:
    values = (row.get(name) for name in names) if isinstance(row, Mapping) else ()
    return next((value for value in values if value is not None), None)
