"""Find a folder's captions, pictures and splits: as configured, else at the usual places."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from diptych.data.caption_files import CaptionRow, read_caption_file
from diptych.data.caption_files.foreign import layout_of
from diptych.data.folders.checks import SPLIT_NAMES
from diptych.data.folders.located import located

METADATA = ("metadata.jsonl", "metadata.csv")
USUAL_NAMES = ("*.token.txt", "*.token", "captions*.*", "annotations/captions*.json")
ANY_NAMES = ("*.json", "*.jsonl", "*.csv", "*.tsv", "*.txt")
SPLIT_LIST = re.compile(r"\.(train|dev|test)Images\.txt$")
SPLIT_WORD = re.compile(f"(?<![a-z])(?:{'|'.join(SPLIT_NAMES)})(?![a-z])")
PICKLES = (".pickle", ".pkl")
ROWS_TO_PROBE = 20


@dataclass(frozen=True)
class Source:
    """One caption file, the folder of its pictures, and its split (None if unknown)."""

    caption_file: Path
    folder: Path
    split: str | None


def find_sources(
    root: Path, captions: str | Mapping[str, str] | None = None, images: str | Mapping[str, str] | None = None
) -> list[Source]:
    """The caption files of `root`: one for all, or one per split; a ValueError lists the expected names."""
    if not root.is_dir():
        raise ValueError(f"data.root={root} is not a folder")
    files = _given(root, captions) if captions else _found(root)
    return [Source(file, _picture_folder(root, file, split, images), split) for split, file in files.items()]


def find_split_lists(root: Path) -> dict[str, Path]:
    """Flickr8k's split lists, `*.trainImages.txt` and so on, if there are any."""
    found = ((SPLIT_LIST.search(path.name), path) for path in sorted(root.glob("*Images.txt")))
    return {SPLIT_NAMES[match[1]]: path for match, path in found if match}


def _given(root: Path, captions: str | Mapping[str, str]) -> dict[str | None, Path]:
    named = {None: captions} if isinstance(captions, str) else captions
    files = {split_name(split, "data.captions"): root / file for split, file in named.items()}
    for file in files.values():
        if not file.is_file():
            raise ValueError(f"data.captions: there is no file {file}")
    return files


def split_name(name: str | None, key: str) -> str | None:
    """Our name (train, val, test) of a split in a config or a folder."""
    if name is not None and name not in SPLIT_NAMES:
        raise ValueError(f"{key}: {name!r} is no split; write train, val or test")
    return SPLIT_NAMES[name] if name else None


def _found(root: Path) -> dict[str | None, Path]:
    for name in METADATA:
        if (root / name).is_file():
            return {None: root / name}
    in_splits = [(split, root / split / name) for split in SPLIT_NAMES for name in METADATA]
    files: dict[str | None, Path] = {SPLIT_NAMES[split]: file for split, file in in_splits if file.is_file()}
    return files or _single(root, _matches(root, USUAL_NAMES) or _matches(root, ANY_NAMES))


def _matches(root: Path, patterns: Sequence[str]) -> list[Path]:
    found = dict.fromkeys(path for pattern in patterns for path in sorted(root.glob(pattern)))
    return [path for path in found if path.is_file() and path.suffix not in PICKLES]


def _single(root: Path, candidates: list[Path]) -> dict[str | None, Path]:
    """The one candidate, or one per split if their names contain the splits."""
    names = ", ".join(path.relative_to(root).as_posix() for path in candidates)
    if not candidates:
        raise ValueError(
            f"data.root={root} has no captions: there is none of {', '.join((*METADATA, *USUAL_NAMES, *ANY_NAMES))}; "
            f"name the caption file with data.captions=…{layout_of(root)}"
        )
    if len(candidates) == 1:
        return {None: candidates[0]}
    words = [SPLIT_WORD.search(path.stem) for path in candidates]
    splits = [SPLIT_NAMES[word[0]] for word in words if word]
    if len(splits) < len(candidates) or len(set(splits)) < len(splits):
        raise ValueError(f"data.root={root} has several caption files ({names}); name one with data.captions=…")
    return dict(zip(splits, candidates, strict=True))


def _picture_folder(root: Path, caption_file: Path, split: str | None, images: str | Mapping[str, str] | None) -> Path:
    """The folder that `images` names, else the first likely folder with one of the captions' first pictures."""
    if images:
        return _given_folder(root, images, split)
    rows = islice((row for row in read_caption_file(caption_file) if isinstance(row, CaptionRow)), ROWS_TO_PROBE)
    names = [row.file for row in rows if row.file]
    likely = _likely_folders(root, caption_file)
    return next((f for f in likely if any(located(f, name).is_file() for name in names)), caption_file.parent)


def _given_folder(root: Path, images: str | Mapping[str, str], split: str | None) -> Path:
    named = {split: images} if isinstance(images, str) else {split_name(n, "data.images"): f for n, f in images.items()}
    if split not in named:
        raise ValueError(f"data.images names no folder for the split {split!r}; it names {', '.join(map(str, named))}")
    folder = root / named[split]
    if not folder.is_dir():
        raise ValueError(f"data.images: there is no folder {folder}")
    return folder


def _likely_folders(root: Path, caption_file: Path) -> list[Path]:
    """The captions' folder, then two levels of folders, first those whose name the caption file's name contains."""
    folders = [*root.glob("*/"), *root.glob("*/*/")]
    folders.sort(key=lambda folder: (folder.name not in caption_file.stem, len(folder.parts), folder))
    return [caption_file.parent, root, *folders]
