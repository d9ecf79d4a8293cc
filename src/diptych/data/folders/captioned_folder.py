"""A folder of pictures with captions: what is good in it, and how that is divided; `sources` finds both.

Training and `diptych data check` ask the same functions. Nothing here makes a tensor, so that a check needs no torch.
"""

import logging
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from diptych.data.caption_files import read_rows
from diptych.data.caption_files.faults import sentence
from diptych.data.division import Division
from diptych.data.folders.checks import Findings, Picture, examine, merged, report_unlisted
from diptych.data.folders.sources import Source, find_sources, find_split_lists, split_name
from diptych.data.folders.splits import apply_split_lists, in_fixed_order, own_splits, split_pictures
from diptych.data.options import DataOptions
from diptych.plain_types import DataSpec
from diptych.text import Vocabulary, tokenizer_class
from diptych.text.languages import guess_languages, is_language, named

SHORTEST = 3
log = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False, repr=False)
class CaptionedFolder(Division, DataOptions):
    """Pictures and captions of `root`. Problems raise (`on_error=raise`) or are left out and counted (`skip`).

    The vocabulary has the words of the train captions with at least `min_count` occurrences; captions are cut to
    `max_length` tokens. `languages` are those of the captions; where nobody names them they are guessed.
    """

    root: Path
    captions: str | dict | None
    images: str | dict | None
    split_files: dict | None
    val_share: float
    test_share: float
    on_error: Literal["raise", "skip"]
    image_size: int
    random_crop: bool
    min_count: int
    max_length: int
    languages: tuple[str, ...] | str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.languages is not None:
            self.languages = _checked_languages(self.languages)
        if self.max_length < SHORTEST:
            raise ValueError(f"data.max_length={self.max_length} counts <bos> and <eos>: set {SHORTEST} or more")

    def inspect(self) -> Findings:
        """The good pictures and all problems of the others."""
        sources = find_sources(self.root, self.captions, self.images)
        findings = merged(_examine(source) for source in sources)
        report_unlisted(findings, dict.fromkeys(source.folder for source in sources))
        return findings

    def usable(self) -> Findings:
        """As `inspect`; raises if there are problems, or warns of the pictures left out."""
        findings = self.inspect()
        self._raise_or_warn(findings)
        return findings

    def divide(self, findings: Findings) -> tuple[DataSpec, Mapping[str, Sequence[Picture]]]:
        """The facts and the splits of the good pictures; a ValueError says why nobody can train on them."""
        lists = self._split_lists()
        pictures = apply_split_lists(findings.pictures, lists) if lists else findings.pictures
        if not self.splits_by_share:
            return self._spec(pictures), own_splits(pictures)
        splits = split_pictures(pictures, val_share=self.val_share, test_share=self.test_share)
        if self.fold is not None:
            both = in_fixed_order([*splits["train"], *splits["val"]])
            splits["train"], splits["val"] = self.divided(both, len(splits["val"]))
        if not splits["train"]:
            raise ValueError(
                f"data.root={self.root}: none of {len(pictures)} good pictures in a split is left to train on; "
                f"reduce data.val_share or data.test_share, which are taken first"
            )
        if self.fold is None and self.train_size is not None:
            splits["train"] = self.few(in_fixed_order(splits["train"]))
        return self._spec(splits["train"]), splits

    def _raise_or_warn(self, findings: Findings) -> None:
        """Raise if there are problems, or warn of the pictures left out."""
        for kind, names in findings.problems.items():
            if kind not in findings.blocking:
                log.warning("data.root=%s: %s", self.root, sentence(kind, names))
        if not findings.blocking:
            return
        problems = "\n".join(f"  {sentence(kind, names)}" for kind, names in findings.blocking.items())
        good = len(findings.pictures)
        if self.on_error == "raise":
            raise ValueError(
                f"data.root={self.root} has problems:\n{problems}\n"
                f"`{self._check_command()}` lists them all; "
                f"data.on_error=skip leaves that out, with {good:,} good pictures"
            )
        log.warning("data.root=%s: left out, with %s good pictures remaining:\n%s", self.root, f"{good:,}", problems)

    def _check_command(self) -> str:
        given = [f"data.captions={_override(self.captions)}"] if self.captions else []
        given += [f"data.images={_override(self.images)}"] if self.images else []
        return shlex.join(["diptych", "data", "check", str(self.root), *given])

    def _split_lists(self) -> dict[str, Path]:
        if self.split_files is None:
            return find_split_lists(self.root)
        lists = {split_name(name, "data.split_files"): self.root / file for name, file in self.split_files.items()}
        missing = [path for path in lists.values() if not path.is_file()]
        if missing:
            raise ValueError(f"data.split_files: there is no file {missing[0]}")
        return {name: path for name, path in lists.items() if name}

    def _spec(self, train: Sequence[Picture]) -> DataSpec:
        kind = tokenizer_class(self.tokenizer, self.tokenizer_rules)
        sentences = [kind.split(caption) for picture in train for caption in picture.captions]
        return DataSpec(
            name="folder",
            image_size=self.image_size,
            image_channels=3,
            vocabulary=Vocabulary.of_counts(Counter(t for s in sentences for t in s), min_count=self.min_count).tokens,
            max_length=self._longest(sentences),
            tokenizer=self.tokenizer,
            tokenizer_rules=self.tokenizer_rules,
            languages=tuple(self.languages or self._guessed_languages(train)),
        )

    def _guessed_languages(self, pictures: Sequence[Picture]) -> tuple[str, ...]:
        languages = guess_languages([caption for picture in pictures for caption in picture.captions])
        log.info(
            "data.root=%s: the captions are taken for %s, by their letters; data.languages=[…] says otherwise",
            self.root,
            " and ".join(map(named, languages)),
        )
        return languages

    def _longest(self, sentences: Sequence[Sequence[str]]) -> int:
        """`max_length`, or less if all captions are shorter; warns of the number of cut captions."""
        longest = max(map(len, sentences)) + 2
        cut = sum(len(sentence) + 2 > self.max_length for sentence in sentences)
        if cut:
            log.warning(
                "%s of %s captions have more than data.max_length=%d tokens (the longest %d) and are cut",
                f"{cut:,}",
                f"{len(sentences):,}",
                self.max_length,
                longest,
            )
        return min(self.max_length, longest)


def _checked_languages(languages: tuple[str, ...] | str) -> tuple[str, ...]:
    """As a tuple of codes; a single one may stand alone."""
    codes = (languages,) if isinstance(languages, str) else languages
    if not codes:
        raise ValueError("data.languages is empty: name at least one language, for example [en], or null to guess")
    for code in codes:
        if not isinstance(code, str) or not is_language(code):
            raise ValueError(
                f"data.languages has {code!r}: give codes of two or three letters, such as en, zh or zh-TW"
            )
    return tuple(codes)


def _examine(source: Source) -> Findings:
    return examine(read_rows(source.caption_file), source.folder, split=source.split)


def _override(value: str | Mapping[str, str]) -> str:
    """The value in Hydra's override syntax."""
    return value if isinstance(value, str) else "{" + ",".join(f"{k}:{v}" for k, v in value.items()) + "}"
