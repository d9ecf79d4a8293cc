"""Files of captions by picture, in any of the forms in which the field keeps them; nothing here opens a picture.

- COCO's captions: an object with `annotations`, each with `image_id` and `caption`
- COCO's results: a list of objects with `image_id` and `caption`
- an object from ids to a caption or to a list of captions
- JSON lines, each with an id (`image_id`, `id`, `file_name` or `file`) and with `caption`, `captions` or `text`

Ids are compared as text, so that 42 and "42" are the same picture. Files may be compressed (`.gz`).
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
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
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
        if ".jsonl" in path.suffixes:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return json.loads(text)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}") from error


def captions_in(table: Any, path: Path) -> dict[str, list[str]]:
    """The captions that a parsed file holds."""
    captions: dict[str, list[str]] = {}
    for key, texts in _entries(table, path):
        for text in [texts] if isinstance(texts, str) else texts:
            if not isinstance(text, str):
                raise UserError(f"{path}: a caption of picture {key} is {text!r}, which is no text")
            captions.setdefault(str(key), []).append(text)
    if not captions:
        raise UserError(f"{path} holds no captions")
    return captions


def _entries(table: Any, path: Path) -> Iterator[tuple[Any, Any]]:
    if isinstance(table, Mapping) and "annotations" not in table:
        yield from ((key, texts) for key, texts in table.items() if _is_told(key, texts, path))
        return
    rows: Iterable[Any] = table["annotations"] if isinstance(table, Mapping) else table
    for number, row in enumerate(rows, start=1):
        key, texts = _first(row, ID_KEYS), _first(row, CAPTION_KEYS)
        if key is None or not isinstance(texts, str | list):
            raise UserError(
                f"{path}: entry {number} is {str(row)[:80]}; it needs {' or '.join(ID_KEYS)} and "
                f"{' or '.join(CAPTION_KEYS)}"
            )
        yield key, texts


def _is_told(key: str, texts: Any, path: Path) -> bool:
    if isinstance(texts, str | list):
        return True
    raise UserError(f"{path}: under {key!r} there is {str(texts)[:60]}, neither a caption nor a list of captions")


def _first(row: Any, names: tuple[str, ...]) -> Any:
    values = (row.get(name) for name in names) if isinstance(row, Mapping) else ()
    return next((value for value in values if value is not None), None)
