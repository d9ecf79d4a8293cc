"""Read caption files of four formats into rows and faults, without opening a picture.

- `metadata.jsonl`, `metadata.csv` of Hugging Face's imagefolder: a row per picture or per caption
- COCO's JSON (`images` and `annotations`)
- Flickr8k's lines `name.jpg#k<TAB>caption`
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE_COLUMNS = ("file_name", "image", "filename", "file")
CAPTION_COLUMNS = ("text", "caption", "captions", "sentence")
SPLIT_COLUMN = "split"
ID_COLUMN = "id"


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """One caption of one picture (None for a picture without captions).

    `identity` must be unique; a `picture_id` must always belong to the same file.
    """

    file: str
    caption: str | None
    identity: str
    split: str | None = None
    picture_id: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem in the data: its kind (one of `checks.KINDS`) and the name of the faulty item."""

    kind: str
    name: str


CaptionRows = Iterator[CaptionRow | Fault]


def read_caption_file(path: Path) -> CaptionRows:
    """Rows and faults of a caption file; its name and first line determine the format."""
    try:
        if path.suffix == ".jsonl":
            yield from _jsonl(path)
        elif path.suffix == ".json":
            yield from _coco(path)
        elif path.suffix == ".csv" or _starts_like_csv(path):
            yield from _csv(path)
        else:
            yield from _flickr(path)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def _jsonl(path: Path) -> CaptionRows:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            yield Fault("malformed_lines", f"{path.name}:{number} ({error.msg})")
            continue
        yield from _table_row(entry, f"{path.name}:{number}")


def _csv(path: Path) -> CaptionRows:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        columns = reader.fieldnames or ()
        if not set(columns) & set(FILE_COLUMNS) or not set(columns) & set(CAPTION_COLUMNS):
            raise ValueError(
                f"{path} has the columns {', '.join(columns)}; it needs {FILE_COLUMNS[0]} and {CAPTION_COLUMNS[0]}"
            )
        for entry in reader:
            place = f"{path.name}:{reader.line_num}"
            if None in entry:
                yield Fault("malformed_lines", f"{place} (more fields than columns: quote captions with commas)")
            else:
                yield from _table_row(entry, place)


def _table_row(entry: Any, place: str) -> CaptionRows:
    """One row of a table: a picture with one caption or a list of captions."""
    file = _first(entry, FILE_COLUMNS) if isinstance(entry, Mapping) else None
    if not isinstance(file, str) or not file:
        yield Fault("malformed_lines", f"{place} (no {FILE_COLUMNS[0]})")
        return
    captions = _first(entry, CAPTION_COLUMNS)
    split, picture_id = _text(entry.get(SPLIT_COLUMN)), _text(entry.get(ID_COLUMN))
    for caption in (captions or [None]) if isinstance(captions, list) else [captions]:
        if caption is None or isinstance(caption, str):
            yield CaptionRow(file, caption, f"{file}: {caption}", split, picture_id)
        else:
            yield Fault("malformed_lines", f"{place} (a caption is {caption!r})")


def _coco(path: Path) -> CaptionRows:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        images = [(image["id"], str(image["file_name"])) for image in table["images"]]
        captions = [(entry["id"], entry["image_id"], entry["caption"]) for entry in table["annotations"]]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is not a COCO caption file (images with id and file_name, annotations with id, image_id and "
            f"caption): {type(error).__name__} {error}"
        ) from error
    files: dict[Any, str] = {}
    for image_id, file in images:
        if image_id in files:
            yield Fault("duplicate_ids", f"image id {image_id} ({file})")
        files.setdefault(image_id, file)
    captioned = set()
    for caption_id, image_id, caption in captions:
        captioned.add(image_id)
        if image_id not in files:
            yield Fault("missing_files", f"image id {image_id} of annotation {caption_id}")
        elif not isinstance(caption, str):
            yield Fault("malformed_lines", f"annotation {caption_id} (its caption is {caption!r})")
        else:
            yield CaptionRow(files[image_id], caption, f"annotation id {caption_id}")
    for image_id in files.keys() - captioned:
        yield CaptionRow(files[image_id], None, f"image id {image_id}")


def _flickr(path: Path) -> CaptionRows:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        identity, tab, caption = line.rstrip("\r\n").partition("\t")
        file, mark, _ = identity.rpartition("#")
        if tab and mark and file:
            yield CaptionRow(file, caption, identity)
        else:
            yield Fault("malformed_lines", f"{path.name}:{number} (not name#k<TAB>caption)")


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig") as file:
        yield from file


def _first(entry: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((entry[name] for name in names if entry.get(name) is not None), None)


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)


def _starts_like_csv(path: Path) -> bool:
    with path.open(encoding="utf-8-sig") as file:
        header = [name.strip() for name in file.readline().split(",")]
    return len(header) > 1 and header[0] in FILE_COLUMNS
