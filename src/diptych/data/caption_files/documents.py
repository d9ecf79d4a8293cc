"""Captions in one JSON document.

- COCO's captions: an object with `images` and `annotations`, each with `image_id` and `caption`
- a list of objects, such as COCO's results
- an object from names or ids of pictures to a caption or a list of captions
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diptych.data.caption_files.foreign import refuse_document
from diptych.data.caption_files.rows import (
    CAPTION_COLUMNS,
    FILE_COLUMNS,
    ID_COLUMNS,
    CaptionRow,
    CaptionRows,
    Fault,
    brief,
    column_name,
    id_text,
    row_of,
)
from diptych.data.caption_files.text import read_text

COCO = "a COCO caption file (images with id and file_name, annotations with image_id and caption)"


def read_json(path: Path) -> Any:
    """The parsed file; a ValueError names it."""
    text = read_text(path)
    try:
        return parsed(text)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}") from error


def parsed(text: str) -> Any:
    """The value of a JSON text; a ValueError says what is wrong with it."""
    try:
        return json.loads(text, object_pairs_hook=_each_key_once)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def json_document(path: Path) -> CaptionRows:
    """The rows of a whole document."""
    table = read_json(path)
    refuse_document(path, table)
    if isinstance(table, Mapping) and "annotations" in table:
        yield from _coco(table, path)
    elif isinstance(table, Mapping) and "images" in table:
        raise ValueError(f"{path} is not {COCO}: it has no annotations")
    elif isinstance(table, Mapping) and not _is_row(table):
        yield from _by_name(table, path)
    else:
        rows = [table] if isinstance(table, Mapping) else _list(table, path)
        for number, entry in enumerate(rows, start=1):
            yield from row_of(entry, f"{path.name}: entry {number}")


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON itself would keep the last of equal keys, without a word."""
    table = dict(pairs)
    if len(table) < len(pairs):
        twice = next(key for key, number in Counter(key for key, _ in pairs).items() if number > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object; keep one")
    return table


def _is_row(table: Mapping[str, Any]) -> bool:
    columns = {column_name(key) for key in table}
    return bool(columns & {*FILE_COLUMNS, *ID_COLUMNS}) and bool(columns & set(CAPTION_COLUMNS))


def _list(rows: Any, path: Path, under: str = "") -> list[Any]:
    if isinstance(rows, list):
        return rows
    raise ValueError(
        f"{path}: {under}there is {brief(rows)}; it must be a list of objects with a {FILE_COLUMNS[0]} or an id and a "
        "caption, or the whole file an object from ids to captions"
    )


def _by_name(table: Mapping[str, Any], path: Path) -> CaptionRows:
    for name, captions in table.items():
        if not isinstance(captions, str | list):
            raise ValueError(f"{path}: under {name!a} there is {brief(captions)}, neither a caption nor a list of them")
        yield from row_of({FILE_COLUMNS[0]: name, CAPTION_COLUMNS[0]: captions}, f"{path.name}: under {name!a}")


def _coco(table: Mapping[str, Any], path: Path) -> CaptionRows:
    annotations = _list(table["annotations"], path, "under 'annotations' ")
    images = _list(table.get("images", []), path, "under 'images' ")
    if annotations and not any(isinstance(each, Mapping) and "caption" in each for each in annotations):
        raise ValueError(f"{path} is not {COCO}: no annotation has a caption; name a file such as captions_*.json")
    files: dict[str, str] = {}
    for number, image in enumerate(images, start=1):
        yield from _add_image(image, f"{path.name}: image {number}", files)
    captioned = set()
    for number, annotation in enumerate(annotations, start=1):
        for row in _annotation(annotation, f"{path.name}: annotation", number, files):
            captioned.add(getattr(row, "picture_id", None))
            yield row
    for image_id, file in files.items():
        if image_id not in captioned:
            place = f"{path.name}: image {image_id}"
            yield CaptionRow(place, file, None, f"image id {image_id}", picture_id=image_id)


def _add_image(image: Any, place: str, files: dict[str, str]) -> CaptionRows:
    try:
        image_id, file = id_text(image["id"]), image["file_name"]
        if image_id is None or not isinstance(file, str):
            raise ValueError(f"it is {brief(image)}")
    except (KeyError, TypeError, ValueError) as error:
        yield Fault("malformed_lines", f"{place} (it needs id and file_name: {error})")
        return
    if image_id in files:
        yield Fault("duplicate_ids", f"image id {image_id} ({file})", file)
    files.setdefault(image_id, file)


def _annotation(annotation: Any, place: str, number: int, files: Mapping[str, str]) -> CaptionRows:
    try:
        caption_id, image_id = annotation.get("id", number), id_text(annotation["image_id"])
        caption = annotation["caption"]
        if image_id is None or not isinstance(caption, str):
            raise ValueError(f"it is {brief(annotation)}")
    except (AttributeError, KeyError, ValueError) as error:
        yield Fault("malformed_lines", f"{place} {number} (it needs image_id and caption: {error})")
        return
    file = files.get(image_id)
    yield CaptionRow(f"{place} {caption_id}", file, caption, f"annotation id {caption_id}", picture_id=image_id)
