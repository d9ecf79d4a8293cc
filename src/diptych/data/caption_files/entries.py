"""Captions in one object of a JSON list or a line, by what the object says of itself.

- Localized Narratives: the id of a picture is its file's name without the suffix, in COCO with twelve digits
- TextCaps: `image_id` is the file's name without the suffix
- RedCaps: the picture lies in the folder of its subreddit
- LLaVA's conversations: a caption is the answer of a conversation with one question and one answer
- CUHK-PEDES and its kin: `id` is a person, not a picture
- all others: by the columns of `rows`
"""

from collections.abc import Mapping
from typing import Any

from diptych.data.caption_files.foreign import DOWNLOAD, has_addresses_alone, has_keys
from diptych.data.caption_files.kinds import Kind, rows_of_first
from diptych.data.caption_files.rows import (
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

COCO_DIGITS = 12
COCO_NARRATIVES = "mscoco"
TEXTCAPS = frozenset(("caption_str", "reference_strs", "flickr_300k_url"))
ADDRESSES = ("CC3M", "CC12M", "LAION", "SBU", "WIT", "ImageInWords")


def rows_of_entry(entry: Any, place: str) -> CaptionRows:
    """The captions of one object."""
    return rows_of_first(ENTRIES, entry, place)


def _narrative(entry: Mapping[str, Any], place: str) -> CaptionRows:
    image, caption = entry["image_id"], entry["caption"]
    if isinstance(image, bool) or not isinstance(image, str | int) or not isinstance(caption, str):
        yield Fault("malformed_lines", f"{place} (a narrative needs image_id and caption: {brief(entry)})")
        return
    is_coco = str(entry["dataset_id"]).startswith(COCO_NARRATIVES)
    yield CaptionRow(place, str(image).zfill(COCO_DIGITS if is_coco else 0), caption, None, picture_id=id_text(image))


def _textcaps(entry: Mapping[str, Any], place: str) -> CaptionRows:
    captions = entry.get("caption_str") or entry.get("reference_strs")
    row = {FILE_COLUMNS[0]: entry["image_id"], "text": captions, "split": entry["set_name"]}
    yield from row_of(row, place)


def _redcaps(entry: Mapping[str, Any], place: str) -> CaptionRows:
    folder, image = entry["subreddit"], entry["image_id"]
    if not isinstance(folder, str) or not isinstance(image, str):
        yield Fault("malformed_lines", f"{place} (subreddit and image_id are texts: {brief(entry)})")
    else:
        yield from row_of({FILE_COLUMNS[0]: f"{folder}/{image}", "text": entry["caption"]}, place)


def _conversation(entry: Mapping[str, Any], place: str) -> CaptionRows:
    """The answer of a model to the one thing that it was asked of a picture."""
    file, turns = entry.get("image"), entry["conversations"]
    if not isinstance(file, str) or not file:
        yield Fault("malformed_lines", f"{place} (a conversation without an image)")
    elif not isinstance(turns, list) or len(turns) != 2 or not all(map(has_keys("from", "value"), turns)):
        yield Fault("malformed_lines", f"{place} (a caption is a question and an answer; this is no such pair)", file)
    else:
        yield from row_of({FILE_COLUMNS[0]: file, "text": turns[1]["value"]}, place)


def _person(entry: Mapping[str, Any], place: str) -> CaptionRows:
    yield from row_of({key: value for key, value in entry.items() if key != "id"}, place)


def _is_textcaps(entry: Any) -> bool:
    return has_keys("image_id", "set_name")(entry) and bool(TEXTCAPS & entry.keys())


def _is_addresses(entry: Any) -> bool:
    if not isinstance(entry, Mapping):
        return False
    return has_addresses_alone(map(column_name, entry), (*FILE_COLUMNS, *ID_COLUMNS))


def _addresses(_entry: Any, place: str) -> CaptionRows:
    yield Fault(
        "malformed_lines", f"{place} (addresses of pictures, as in {', '.join(ADDRESSES)}, not pictures: {DOWNLOAD})"
    )


ENTRIES: tuple[Kind[Any, str], ...] = (
    Kind(has_keys("dataset_id", "image_id", "caption", "annotator_id"), _narrative),
    Kind(_is_textcaps, _textcaps),
    Kind(has_keys("image_id", "subreddit", "caption"), _redcaps),
    Kind(has_keys("conversations"), _conversation),
    Kind(has_keys("file_path", "captions", "id"), _person),
    Kind(_is_addresses, _addresses),
    Kind(lambda _entry: True, row_of),
)
