"""Where an image that was asked for is written: under a name of its own, over nothing but itself.

An image file records its request (`diptych.runs.images.record`). The same request has the same name, and may be written
again; whatever else has that name stays.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from diptych.runs.images.names import FileNames, request_name
from diptych.runs.images.record import KEY, VERSION, record_in

IN_WORDS = ("seed", "index")
"""What the name of a generated image says in words."""
OF_THE_PROGRAM = ("version", "diptych", "run", "batch", "best_of")
"""What does not belong to a request: it changes nothing in the image, but for rounding."""


def generated_file(picture: Image.Image, names: FileNames) -> Path:
    """The file of a generated image: its sentence, a digest of its request, its seed and its index."""
    record = json.loads(picture.info[KEY])
    told_apart = {key: value for key, value in _request(record).items() if key not in IN_WORDS}
    name = request_name(record["sentence"], [told_apart, *picture.size])
    return _file(picture, f"{name}-seed{record['seed']}-{record['index']}", names)


def sheet_file(sheet: Image.Image, pictures: Sequence[Image.Image], names: FileNames) -> Path:
    """The file of a sheet of generated images, which records how each of them was made."""
    records = [json.loads(picture.info[KEY]) for picture in pictures]
    _record(sheet, {"sheet": records})
    name = request_name(records[0]["sentence"], [_request(records), *sheet.size])
    return _file(sheet, f"{name}-seed{records[0]['seed']}-grid", names)


def named_file(picture: Image.Image, text: str, request: Mapping[str, Any], names: FileNames) -> Path:
    """The file of any other image that answers a request, which it records; the name begins with `text`."""
    _record(picture, request)
    return _file(picture, request_name(text, [_request(request), *picture.size]), names)


def answers_the_same(file: Path, size: tuple[int, int], record: str) -> bool:
    """Whether the file is a picture of this size that records the same request."""
    try:
        with Image.open(file) as other:
            its_size, its_record = other.size, record_in(other)
        return its_record is not None and its_size == size and _told(its_record) == _told(record)
    except Exception:  # it may be anybody's file, for which decoders raise anything
        return False


def _record(picture: Image.Image, request: Mapping[str, Any]) -> None:
    picture.info[KEY] = json.dumps({"version": VERSION, **request}, ensure_ascii=False)


def _file(picture: Image.Image, name: str, names: FileNames) -> Path:
    return names.free(name, ".png", lambda file: answers_the_same(file, picture.size, picture.info[KEY]))


def _told(record: str) -> Any:
    return _request(json.loads(record))


def _request(record: Any) -> Any:
    """The record without what the same request may be answered with another time."""
    if isinstance(record, Mapping):
        return {key: _request(value) for key, value in record.items() if key not in OF_THE_PROGRAM}
    return [_request(each) for each in record] if isinstance(record, list) else record
