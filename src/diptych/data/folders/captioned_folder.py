"""A folder of pictures with captions: what is good in it, and how that is divided; `sources` finds both.

Training and `diptych data check` ask the same functions. Nothing here makes a tensor, so that a check needs no torch.
"""

import logging
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from diptych.data.caption_files import read_rows
from diptych.data.caption_files.faults import sentence
from diptych.data.division import Division
from diptych.data.folders.checks import Findings, examine, merged, note_links, report_unlisted
from diptych.data.folders.columns import check_columns, column_values, completed, missing_values
from diptych.data.folders.inspection import inspected
from diptych.data.folders.leaks import look_alikes, same_bytes
from diptych.data.folders.picture import Picture
from diptych.data.folders.picture_index import PictureIndex
from diptych.data.folders.published import check_expected, compare_with_published
from diptych.data.folders.sources import find_sources, find_split_lists, read_outside
from diptych.data.folders.spec import CaptionedOptions, spec_of_captions
from diptych.data.folders.splits import apply_split_lists, in_fixed_order, own_splits, split_pictures
from diptych.data.folders.verdict import raise_or_warn
from diptych.data.split_names import by_split
from diptych.plain_types import DataSpec

log = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False, repr=False)
class CaptionedFolder(Division, CaptionedOptions):
    """Pictures and captions of `root`.

    `expected` are the published numbers of pictures by split; where the splits have others, the log says so. `columns`
    are those of a table whose values are said in place of captions; a value that is `missing` is masked, that is left
    out, or filled with the commonest of the training pictures.
    """

    root: Path
    captions: str | dict | None
    images: str | dict | None
    split_files: dict | None
    expected: dict | list | None = None
    columns: Sequence[str] | None = None
    missing: Literal["mask", "fill"] = "mask"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.published = check_expected(self.expected)
        self.column_names = check_columns(self.columns, self.missing)

    def folders(self) -> Sequence[Path]:
        """The root, with all that is below it."""
        return [self.root]

    def inspect(self) -> Findings:
        """The good pictures and all problems of the others, as found out before where nothing has changed."""
        if not self.root.is_dir():
            raise ValueError(f"data.root={self.root} is not a folder")
        outside = read_outside(self.root, self.captions, self.images, self.column_names)
        settings: dict[str, Any] = {"captions": self.captions, "images": self.images}
        if self.column_names:
            settings["columns"] = list(self.column_names)
        return inspected(self.root, settings, outside, self._find_out)

    def _find_out(self) -> Findings:
        names = self.column_names
        sources = find_sources(self.root, self.captions, self.images, names)
        index = PictureIndex(self.root)
        findings = merged(
            examine(read_rows(source.caption_file, names), source.folder, split=source.split, index=index)
            for source in sources
        )
        for each in missing_values(findings.pictures, names):
            findings.note("missing_values", each)
        folders = dict.fromkeys(source.folder for source in sources)
        report_unlisted(findings, folders)
        texts = [source.caption_file for source in sources if source.caption_file.is_dir()]
        note_links(findings, self.root, [*folders, *texts])
        return findings

    def usable(self) -> Findings:
        """As `inspect`; raises if there are problems, or warns of the pictures left out."""
        findings = self.inspect()
        place, command = f"data.root={self.root}", self._check_command()
        raise_or_warn(findings, place=place, command=command, on_error=self.on_error)
        return findings

    def divide(self, findings: Findings) -> tuple[DataSpec, Mapping[str, Sequence[Picture]]]:
        """The facts and the splits of the good pictures; a ValueError says why nobody can train on them."""
        lists = self._split_lists()
        pictures = apply_split_lists(findings.pictures, lists) if lists else list(findings.pictures)
        compare_with_published(pictures, self.published, self.root)
        if not self.splits_by_share:
            return self._facts(pictures, own_splits(pictures))
        splits = split_pictures(pictures, val_share=self.val_share, test_share=self.test_share, order=self.in_order)
        if self.fold is not None:
            both = self.in_order([*splits["train"], *splits["val"]])
            splits["train"], splits["val"] = self.divided(both, len(splits["val"]))
        if not splits["train"]:
            raise ValueError(
                f"data.root={self.root}: none of {len(pictures)} good pictures in a split is left to train on; "
                f"reduce data.val_share or data.test_share, which are taken first"
            )
        if self.fold is None and self.train_size is not None:
            splits["train"] = self.few(self.in_order(splits["train"]))
        if leaks := self.leaks(splits):
            log.warning("data.root=%s: %s", self.root, sentence("leaks", leaks))
        return self._facts(splits["train"], splits)

    def num_captions(self, findings: Findings) -> int:
        """Of the good pictures."""
        return sum(len(self.captions_of(picture)) for picture in findings.pictures)

    def leaks(self, splits: Mapping[str, Sequence[Picture]]) -> list[str]:
        """Pictures of two splits with the same bytes."""
        return [f"{one} = {other}" for one, other in same_bytes(splits)]

    def look_alikes(self, splits: Mapping[str, Sequence[Picture]]) -> list[str]:
        """Pictures of two splits that look alike and have other bytes."""
        pictures = [(f"{split}: {picture.key}", picture) for split, held in splits.items() for picture in held]
        facts = PictureIndex(self.root).facts([picture.file for _, picture in pictures])
        numbers = [number for number, held in enumerate(splits.values()) for _ in held]
        seen = [place for place, each in enumerate(facts) if each.look]  # the others have changed since
        pairs = look_alikes([facts[place].look for place in seen], [numbers[place] for place in seen])
        pairs = [(seen[i], seen[j]) for i, j in pairs]
        return [f"{pictures[j][0]} ≈ {pictures[i][0]}" for i, j in pairs if facts[i].digest != facts[j].digest]

    def captions_of(self, picture: Picture) -> Sequence[str]:
        """All captions of a good picture."""
        return picture.captions

    def said_of(self, pictures: Sequence[Picture]) -> Iterable[str]:
        """The captions whose words the vocabulary has."""
        return (caption for picture in pictures for caption in self.captions_of(picture))

    def in_order(self, pictures: Sequence[Picture]) -> list[Picture]:
        """The order in which pictures are held out, divided into folds and taken where few of them train."""
        return in_fixed_order(pictures)

    def _check_command(self) -> str:
        given = [f"data.captions={_override(self.captions)}"] if self.captions else []
        given += [f"data.images={_override(self.images)}"] if self.images else []
        given += [f"data.columns=[{','.join(self.column_names)}]"] if self.column_names else []
        return shlex.join(["diptych", "data", "check", str(self.root), *given])

    def _split_lists(self) -> dict[str, Path]:
        if self.split_files is None:
            return find_split_lists(self.root)
        given = by_split(self.split_files, "data.split_files")
        lists = {split: self.root / file for split, file in given.items()}
        missing = [path for path in lists.values() if not path.is_file()]
        if missing:
            raise ValueError(f"data.split_files: there is no file {missing[0]}")
        return lists

    def _facts(
        self, known: Sequence[Picture], splits: Mapping[str, Sequence[Picture]]
    ) -> tuple[DataSpec, Mapping[str, Sequence[Picture]]]:
        """The facts, of the captions or values of the pictures that are `known`, and the splits."""
        if not self.column_names:
            return self._spec(known), splits
        values = column_values(known, self.column_names)
        whole = completed(splits, self.column_names, values, self.missing)
        return replace(self._spec(whole.get("train", known)), columns=values), whole

    def _spec(self, train: Sequence[Picture]) -> DataSpec:
        return spec_of_captions("folder", f"data.root={self.root}", self, lambda: self.said_of(train))


def _override(value: str | Mapping[str, str]) -> str:
    """The value in Hydra's override syntax."""
    return value if isinstance(value, str) else "{" + ",".join(f"{k}:{v}" for k, v in value.items()) + "}"
