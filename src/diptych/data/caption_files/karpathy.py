"""Captions with splits as Karpathy & Fei-Fei 2015 (arXiv:1412.2306) published them, and as others do after them.

- `dataset_coco.json`, `dataset_flickr8k.json`, `dataset_flickr30k.json`, RSICD, RSITMD, UCM, Sydney: images with
  sentences; `restval` is a part of train, and `filepath` is the folder of a picture
- NWPU-Captions: an object from classes, which are folders, to pictures with `raw`, `raw_1`, …
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diptych.data.caption_files.foreign import has_keys
from diptych.data.caption_files.rows import CaptionRow, CaptionRows, Fault, brief, id_text
from diptych.data.caption_files.text import shown

RAW = re.compile(r"raw(_\d+)?")


def is_karpathy(table: Any) -> bool:
    """Whether it is an object with images that have sentences."""
    images = table.get("images") if isinstance(table, Mapping) else None
    return isinstance(images, list) and any(map(has_keys("sentences"), images))


def karpathy(table: Mapping[str, Any], path: Path) -> CaptionRows:
    """The rows of images with sentences, with their splits."""
    for number, image in enumerate(table["images"], start=1):
        yield from _image(image, f"{path.name}: image {number}")


def is_nwpu(table: Any) -> bool:
    """Whether it is an object from classes to lists of pictures with raw captions."""
    return (
        isinstance(table, Mapping)
        and bool(table)
        and all(isinstance(part, list) and any(map(has_keys("filename", "raw"), part[:1])) for part in table.values())
    )


def nwpu(table: Mapping[str, Any], path: Path) -> CaptionRows:
    """The rows of NWPU-Captions."""
    for name, images in table.items():
        for number, image in enumerate(images, start=1):
            yield from _image(_as_karpathy(image, name), f"{path.name}: {shown(name, 60)} {number}")


def _as_karpathy(image: Any, folder: str) -> Any:
    if not isinstance(image, Mapping):
        return image
    sentences = [{"raw": text} for key, text in image.items() if RAW.fullmatch(key)]
    return {"filepath": folder, "filename": image.get("filename"), "split": image.get("split"), "sentences": sentences}


def _image(image: Any, place: str) -> CaptionRows:
    try:
        file, split, sentences = _file(image), image.get("split"), image["sentences"]
        picture_id = id_text(image.get("cocoid", image.get("imgid")))
        if not isinstance(sentences, list):
            raise ValueError(f"the sentences are {brief(sentences)}")
        if not isinstance(split, str | None):
            raise ValueError(f"the split is {brief(split)}")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        yield Fault("malformed_lines", f"{place} (it needs filename and sentences: {error})")
        return
    for number, caption in enumerate(_captions(sentences)):
        if isinstance(caption, str | None):
            yield CaptionRow(place, file, caption, None, split, picture_id)
        else:
            yield Fault("malformed_lines", f"{place} (sentence {number} has no raw text: {brief(caption)})", file)


def _file(image: Mapping[str, Any]) -> str:
    folder, name = image.get("filepath") or "", image["filename"]
    if not isinstance(folder, str) or not isinstance(name, str) or not name:
        raise ValueError(f"filepath is {brief(folder)} and filename is {brief(name)}")
    return posixpath.join(folder, name)


def _captions(sentences: list[Any]) -> Iterator[Any]:
    """The text of each sentence, or what stands there in its place; one None for a picture without sentences."""
    yield from ([_caption(sentence) for sentence in sentences] or [None])


def _caption(sentence: Any) -> Any:
    raw = sentence.get("raw") if isinstance(sentence, Mapping) else sentence
    if isinstance(raw, str):
        return raw
    tokens = sentence.get("tokens") if isinstance(sentence, Mapping) else None
    is_text = isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)
    return " ".join(tokens) if is_text and tokens else {"sentence": sentence}
