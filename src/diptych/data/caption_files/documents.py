"""Captions in one JSON document, by what the document holds.

- Karpathy's splits and their kin (`karpathy`), COCO's captions (`coco`), RedCaps
- a list of objects (`entries`), such as COCO's results, or such a list under `data` (TextCaps)
- an object from names or ids of pictures to a caption, a list of captions, or an object with a caption (sd-scripts)
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diptych.data.caption_files.coco import coco, images_alone
from diptych.data.caption_files.entries import rows_of_entry
from diptych.data.caption_files.foreign import DOWNLOAD, has_keys, is_data_card, is_list_with, refused
from diptych.data.caption_files.karpathy import is_karpathy, is_nwpu, karpathy, nwpu
from diptych.data.caption_files.kinds import Kind, rows_of_first
from diptych.data.caption_files.rows import (
    CAPTION_COLUMNS,
    FILE_COLUMNS,
    ID_COLUMNS,
    CaptionRows,
    brief,
    column_name,
    first,
    row_of,
)
from diptych.data.caption_files.text import read_text


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
    yield from rows_of_first(DOCUMENTS, read_json(path), path)


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON itself would keep the last of equal keys, without a word."""
    table = dict(pairs)
    if len(table) < len(pairs):
        twice = next(key for key, number in Counter(key for key, _ in pairs).items() if number > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object; keep one")
    return table


def _is_row(table: Any) -> bool:
    columns = {column_name(key) for key in table} if isinstance(table, Mapping) else set()
    return bool(columns & {*FILE_COLUMNS, *ID_COLUMNS}) and bool(columns & set(CAPTION_COLUMNS))


def _is_data(table: Any) -> bool:
    return isinstance(table, Mapping) and is_list_with("image_id")(table.get("data"))


def _is_redcaps(table: Any) -> bool:
    return isinstance(table, Mapping) and is_list_with("subreddit")(table.get("annotations"))


def _entries(rows: list[Any], path: Path) -> CaptionRows:
    for number, entry in enumerate(rows, start=1):
        yield from rows_of_entry(entry, f"{path.name}: entry {number}")


def _by_name(table: Mapping[str, Any], path: Path) -> CaptionRows:
    for name, captions in table.items():
        if isinstance(captions, Mapping):
            captions = first({column_name(key): value for key, value in captions.items()}, CAPTION_COLUMNS)
        if not isinstance(captions, str | list):
            found = brief(table[name])
            raise ValueError(f"{path}: under {brief(name)} there is {found}, neither a caption nor a list of them")
        yield from row_of({FILE_COLUMNS[0]: name, CAPTION_COLUMNS[0]: captions}, f"{path.name}: under {brief(name)}")


def _nothing(table: Any, path: Path) -> CaptionRows:
    raise ValueError(
        f"{path}: there is {brief(table)}; it must be a list of objects with a {FILE_COLUMNS[0]} or an id and a "
        "caption, or the whole file an object from ids to captions"
    )


DOCUMENTS: tuple[Kind[Any, Path], ...] = (
    Kind(is_karpathy, karpathy),
    Kind(is_nwpu, nwpu),
    Kind(has_keys("videos", "sentences"), refused("captions of videos (MSR-VTT)")),
    Kind(is_list_with("regions"), refused("Visual Genome's regions, captions of parts of pictures")),
    Kind(has_keys("image_urls", "captions"), refused("SBU's list of addresses of pictures", DOWNLOAD)),
    Kind(_is_redcaps, lambda table, path: _entries(table["annotations"], path)),
    Kind(has_keys("annotations"), coco),
    Kind(has_keys("images"), images_alone),
    Kind(_is_data, lambda table, path: _entries(table["data"], path)),
    Kind(_is_row, lambda table, path: _entries([table], path)),
    Kind(is_data_card, refused("Hugging Face's description of a data set (dataset_infos)")),
    Kind(lambda table: isinstance(table, Mapping), _by_name),
    Kind(lambda table: isinstance(table, list), _entries),
    Kind(lambda _table: True, _nothing),
)
