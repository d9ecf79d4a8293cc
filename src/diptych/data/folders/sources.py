"""Find a folder's captions, pictures and splits: as configured, else at the usual places."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from diptych.data.caption_files import CaptionRow, read_caption_file
from diptych.data.caption_files.foreign import layout_of
from diptych.data.caption_files.text_folder import has_sidecars, has_texts, lists_beside, stems_with_pictures
from diptych.data.folders.inspection import lies_outside
from diptych.data.folders.located import located
from diptych.data.folders.splits import PICKLES
from diptych.data.split_names import SPLIT_NAMES, SPLITS, by_split, split_name
from diptych.data.walk import is_hidden

METADATA = ("metadata.jsonl", "metadata.csv")
KARPATHY = ("dataset_*.json", "annotations/dataset_*.json", "caption_datasets/dataset_*.json")
"""They come first, for they have splits."""

USUAL_NAMES = (
    *("*.token.txt", "*.token", "Flickr8k_text/*.token.txt", "results.csv", "flickr30k_images/results.csv"),
    *("captions*.*", "annotations/captions*.json"),
)
TEXT_FOLDERS = ("text", "text_c10", "texts", "captions", "caption", "celeba-caption", "Sentences")
NO_CAPTIONS = re.compile(
    r"(dataset_infos?|\d+_stats|state|read.?me|licen[cs]e|requirements|.*\.lemma\.token)\.(json|txt)", re.IGNORECASE
)
"""Files that lie beside captions: descriptions of data sets, img2dataset's counts, Flickr8k's captions by lemmas."""

ANY_TABLES = ("*.json", "*.jsonl", "*.csv", "*.tsv")
ANY_NAMES = (*ANY_TABLES, "*.txt")
SPLIT_LIST = re.compile(r"\.(train|dev|test)Images\.txt$")
SPLIT_WORD = re.compile(f"(?<![a-z])(?:{'|'.join(SPLIT_NAMES)})(?![a-z])")
SPLIT_PICKLES = {split: f"{split}/filenames.pickle" for split in SPLITS}
ROWS_TO_PROBE = 20
Split = TypeVar("Split", str, str | None)


@dataclass(frozen=True)
class Source:
    """One caption file or folder of texts, the folder of its pictures, and its split (None if unknown)."""

    caption_file: Path
    folder: Path
    split: str | None


def find_sources(
    root: Path,
    captions: str | Mapping[str, str] | None = None,
    images: str | Mapping[str, str] | None = None,
    columns: Sequence[str] | None = None,
) -> list[Source]:
    """The caption files of `root`: one for all, or one per split; a ValueError lists the expected names.

    With `columns`, they are tables with these columns.
    """
    if not root.is_dir():
        raise ValueError(f"data.root={root} is not a folder")
    files = _given(root, captions) if captions else _found(root)
    return [Source(file, _picture_folder(root, file, split, images, columns), split) for split, file in files.items()]


def read_outside(
    root: Path,
    captions: str | Mapping[str, str] | None,
    images: str | Mapping[str, str] | None,
    columns: Sequence[str] | None = None,
) -> list[Path]:
    """What is read of these sources and lies outside of the root, be it there or not."""
    named = [value for given in (captions, images) for value in _values(given)]
    beside = [path for value in _values(captions) for path in lists_beside(root / value)]
    if any(lies_outside(root / value, root) for value in named):
        sources = find_sources(root, captions, images, columns)
        beside += [path for source in sources for path in (source.caption_file, source.folder)]
    return [path for path in dict.fromkeys(beside) if lies_outside(path, root)]


def find_split_lists(root: Path) -> dict[str, Path]:
    """Flickr8k's split lists, `*.trainImages.txt` and so on, or AttnGAN's `train/filenames.pickle`; maybe none."""
    paths = sorted(root.glob("*Images.txt")) or sorted(root.glob("Flickr8k_text/*Images.txt"))
    found = [(SPLIT_NAMES[match[1]], path) for path in paths if (match := SPLIT_LIST.search(path.name))]
    lists = _one_of_each(found, root, "split lists", "data.split_files={…}")
    return lists or {split: root / name for split, name in SPLIT_PICKLES.items() if (root / name).is_file()}


def _values(given: str | Mapping[str, str] | None) -> list[str]:
    return list(given.values()) if isinstance(given, Mapping) else [given] if given else []


def _given(root: Path, captions: str | Mapping[str, str]) -> Mapping[str | None, Path]:
    named: Mapping[str | None, str] = (
        {None: captions} if isinstance(captions, str) else {**by_split(captions, "data.captions")}
    )
    files = {split: root / file for split, file in named.items()}
    for file in files.values():
        if not file.exists():
            raise ValueError(f"data.captions: there is no file {file}")
    return files


def _found(root: Path) -> Mapping[str | None, Path]:
    for splits in ((None,), SPLIT_NAMES):
        places = [(split, root / (split or "") / name) for split in splits for name in METADATA]
        found = [(split_name(split, "data.root"), file) for split, file in places if file.is_file()]
        if found:
            return _one_of_each(found, root, "caption files", "data.captions=…")
    return _single(root, next(filter(None, (search(root) for search in SEARCHES)), []))


def _one_of_each(found: Iterable[tuple[Split, Path]], root: Path, what: str, way_on: str) -> dict[Split, Path]:
    """Each with its split; a ValueError names two of one split, which nobody said belong together."""
    files: dict[Split, Path] = {}
    for split, file in found:
        if files.setdefault(split, file) != file:
            names = " and ".join(path.relative_to(root).as_posix() for path in (files[split], file))
            whose = f" of the {split} split" if split else ""
            raise ValueError(f"data.root={root} has several {what}{whose} ({names}); name one with {way_on}")
    return files


def _matches(root: Path, patterns: Sequence[str]) -> list[Path]:
    found = dict.fromkeys(path for pattern in patterns for path in sorted(root.glob(pattern)))
    return [path for path in found if path.is_file() and _may_hold_captions(path)]


def _may_hold_captions(path: Path) -> bool:
    return path.suffix not in PICKLES and not is_hidden(path.name) and not NO_CAPTIONS.fullmatch(path.name)


def _without_sidecars(paths: list[Path]) -> list[Path]:
    """Those that are not about one picture, which lies beside them under the same name."""
    pictures = stems_with_pictures(os.listdir(paths[0].parent)) if paths else set()
    return [path for path in paths if path.stem not in pictures]


def _text_folders(root: Path) -> list[Path]:
    """All folders of texts, at most one level down, or the root itself if its pictures have texts beside them."""
    named = [folder for name in TEXT_FOLDERS for folder in (root / name, *sorted(root.glob(f"*/{name}")))]
    visible = [folder for folder in named if folder.is_dir() and not is_hidden(folder.parent.name)]
    return [folder for folder in visible if has_texts(folder)] or ([root] if has_sidecars(root) else [])


SEARCHES = (
    lambda root: _matches(root, KARPATHY),
    lambda root: _matches(root, USUAL_NAMES),
    lambda root: _without_sidecars(_matches(root, ANY_TABLES)),
    _text_folders,
    lambda root: _without_sidecars(_matches(root, ANY_NAMES)),
)
"""Where captions may be, the most certain place first."""

SEARCHED = (*METADATA, *KARPATHY, *USUAL_NAMES, *ANY_NAMES)


def _single(root: Path, candidates: list[Path]) -> dict[str | None, Path]:
    """The one candidate, or one per split if their names, or those of their folders, contain the splits."""
    names = ", ".join(path.relative_to(root).as_posix() for path in candidates)
    if not candidates:
        raise ValueError(
            f"data.root={root} has no captions: there is none of {', '.join(SEARCHED)}, and no text beside a picture; "
            f"name the caption file with data.captions=…{layout_of(root)}"
        )
    if len(candidates) == 1:
        return {None: candidates[0]}
    words = [SPLIT_WORD.search(path.stem) or _split_word_above(path, root) for path in candidates]
    splits = [SPLIT_NAMES[word[0]] for word in words if word]
    if len(splits) < len(candidates) or len(set(splits)) < len(splits):
        raise ValueError(f"data.root={root} has several caption files ({names}); name one with data.captions=…")
    return dict(zip(splits, candidates, strict=True))


def _split_word_above(path: Path, root: Path) -> re.Match[str] | None:
    return SPLIT_WORD.search("".join(path.relative_to(root).parts[-2:-1]))


def _picture_folder(
    root: Path,
    caption_file: Path,
    split: str | None,
    images: str | Mapping[str, str] | None,
    columns: Sequence[str] | None,
) -> Path:
    """The folder that `images` names, else the first likely folder with one of the captions' first pictures."""
    if images:
        return _given_folder(root, images, split)
    read = read_caption_file(caption_file, columns)
    rows = islice((row for row in read if isinstance(row, CaptionRow)), ROWS_TO_PROBE)
    names = [row.file for row in rows if row.file]
    likely = _likely_folders(root, caption_file)
    home = root if caption_file.is_dir() else caption_file.parent
    return next((f for f in likely if any(os.path.isfile(located(f, name)) for name in names)), home)


def _given_folder(root: Path, images: str | Mapping[str, str], split: str | None) -> Path:
    named: Mapping[str | None, str] = (
        {split: images} if isinstance(images, str) else {**by_split(images, "data.images")}
    )
    if split not in named:
        raise ValueError(f"data.images names no folder for the split {split!r}; it names {', '.join(map(str, named))}")
    folder = root / named[split]
    if not folder.is_dir():
        raise ValueError(f"data.images: there is no folder {folder}")
    return folder


def _likely_folders(root: Path, caption_file: Path) -> list[Path]:
    """The captions' folder, then two levels of folders.

    First come those beside the captions, then those whose name the caption file's name contains.
    """
    home = caption_file.parent
    below = (*root.glob("*/"), *root.glob("*/*/"))
    folders = [folder for folder in below if not any(map(is_hidden, folder.relative_to(root).parts))]
    folders.sort(
        key=lambda folder: (
            not folder.is_relative_to(home),
            folder.name not in caption_file.stem,
            len(folder.parts),
            folder,
        )
    )
    return [caption_file if caption_file.is_dir() else home, root, *folders]
