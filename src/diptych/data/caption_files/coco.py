"""COCO's captions: an object with `images` and `annotations`, each with `image_id` and `caption`.

So do STAIR, VizWiz and nocaps. Images without `file_name`, as in files that are only scored against, have an id alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diptych.data.caption_files.rows import CaptionRow, CaptionRows, Fault, brief, id_text

COCO = "a COCO caption file (images with id and file_name, annotations with image_id and caption)"


def coco(table: Mapping[str, Any], path: Path) -> CaptionRows:
    """The rows of the annotations, then of the images that have none."""
    annotations, images = _list(table, "annotations", path), _list(table, "images", path)
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


def images_alone(_table: Mapping[str, Any], path: Path) -> CaptionRows:
    """What there is to say of images without annotations, such as those of a test set."""
    raise ValueError(f"{path} is not {COCO}: it has no annotations")


def _list(table: Mapping[str, Any], key: str, path: Path) -> list[Any]:
    rows = table.get(key, [])
    if isinstance(rows, list):
        return rows
    raise ValueError(f"{path}: under {key!r} there is {brief(rows)}; it must be a list, as in {COCO}")


def _add_image(image: Any, place: str, files: dict[str, str]) -> CaptionRows:
    try:
        image_id, file = id_text(image["id"]), image.get("file_name")
        if image_id is None or not isinstance(file, str | None):
            raise ValueError(f"it is {brief(image)}")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        yield Fault("malformed_lines", f"{place} (it needs id and file_name: {error})")
        return
    if file is None:
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
