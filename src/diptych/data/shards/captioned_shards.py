"""Pictures with captions in shards: what is good in them, and how that is divided.

Training and `diptych data check` ask the same functions. Nothing here makes a tensor, so that a check needs no torch.
"""

import logging
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import ClassVar

import numpy as np
from rich.console import Console
from rich.progress import track

from diptych.data.caption_files.faults import sentence
from diptych.data.division import Division
from diptych.data.folders.checks import Findings
from diptych.data.folders.spec import CaptionedOptions, spec_of_captions
from diptych.data.folders.verdict import raise_or_warn
from diptych.data.shards.files import BadShardError
from diptych.data.shards.index import Shard, table_of
from diptych.data.shards.likeness import look_alikes, same_bytes, same_pictures
from diptych.data.shards.samples import UNKNOWN, Numbers, Samples
from diptych.data.shards.table import Table
from diptych.plain_types import DataSpec

NONE = Samples((), (), ())
log = logging.getLogger(__name__)


@dataclass
class ShardFindings(Findings):
    """As of a folder; the good pictures are `numbers` of the samples."""

    samples: Samples = NONE
    numbers: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def num_pictures(self) -> int:
        return len(self.numbers)

    @property
    def num_labelled(self) -> int:
        """The good pictures that have a label."""
        return int((self.samples.label_of[self.numbers] != UNKNOWN).sum())

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of the good pictures, in order; none unless each of them has one."""
        if self.num_labelled < self.num_pictures:
            return ()
        return tuple(self.samples.labels[place] for place in np.unique(self.samples.label_of[self.numbers]))

    def class_captions(self) -> list[str]:
        """What is said of each class, every sentence once."""
        places = self.samples.label_of[self.numbers].tolist()
        numbered = zip(places, self.numbers.tolist(), strict=True)
        said = dict.fromkeys((place, caption) for place, n in numbered for caption in self.samples.captions(n))
        return [caption for _, caption in sorted(said, key=itemgetter(0))]

    @property
    def num_captions(self) -> int:
        """Of the good pictures."""
        return self.samples.num_captions - sum(1 for _ in self.samples.all_captions(self._left_out))

    @property
    def _left_out(self) -> Numbers:
        return np.setdiff1d(np.arange(len(self.samples)), self.numbers)


@dataclass(kw_only=True, eq=False, repr=False)
class CaptionedShards(Division, CaptionedOptions):
    """Pictures and captions in shards, as a `CaptionedFolder` has them in a folder.

    A pass of training reads `shuffle_shards` shards at a time and shuffles the examples within. With `shard_keys` the
    name of a picture is SHARD/KEY: for shards that each count their keys from 0.
    """

    kind: ClassVar[str]
    """What the data are called."""

    shuffle_shards: int = 16
    shard_keys: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._inspected = NONE
        if self.shuffle_shards < 1:
            raise ValueError(f"data.shuffle_shards={self.shuffle_shards}: set 1 or more shards to read at a time")

    @property
    @abstractmethod
    def place(self) -> str:
        """The configuration that says where the shards are, for messages."""

    @abstractmethod
    def check_command(self) -> str:
        """The command that lists all problems."""

    @abstractmethod
    def found(self) -> Sequence[tuple[Shard, str | None]]:
        """All shards in a fixed order, each with the split that it stands for."""

    def inspect(self) -> ShardFindings:
        """The good pictures and all problems of the others; a shard that is not known yet is looked at now."""
        findings = ShardFindings()
        known = list(self._tables(findings))
        findings.samples = self._inspected = (
            Samples(*(tuple(column) for column in zip(*known, strict=True))) if known else NONE
        )
        for _, table, _ in known:
            for kind, names in table.problems.items():
                findings.problems.setdefault(kind, []).extend(names)
            for kind, names in table.notes.items():
                findings.notes.setdefault(kind, []).extend(names)
        repeated = findings.samples.repeated()
        for number in repeated.tolist():
            findings.report("duplicate_ids", self._said_of_repeated(findings.samples, number))
        findings.numbers = np.setdiff1d(np.arange(len(findings.samples)), repeated, assume_unique=True)
        for said in same_pictures(findings.samples, findings.numbers):
            findings.note("same_pictures", said)
        return findings

    def usable(self) -> ShardFindings:
        """As `inspect`; raises if there are problems, or warns of the pictures left out."""
        findings = self.inspect()
        raise_or_warn(findings, place=self.place, command=self.check_command(), on_error=self.on_error)
        return findings

    def divide(self, findings: ShardFindings) -> tuple[DataSpec, Mapping[str, Numbers]]:
        """The facts and the splits of the good pictures; a ValueError says why nobody can train on them."""
        samples, numbers = findings.samples, findings.numbers
        if not self.splits_by_share:
            return self._spec(findings, numbers), samples.own_splits(numbers)
        splits = samples.split_by_share(numbers, val_share=self.val_share, test_share=self.test_share)
        if self.fold is not None:
            both = samples.in_fixed_order(np.concatenate([splits["train"], splits["val"]]))
            train, val = map(_as_numbers, self.divided(both.tolist(), len(splits["val"])))
            splits |= {"train": train, "val": np.sort(val)}
        if not len(splits["train"]):
            raise ValueError(
                f"{self.place}: none of {len(numbers):,} good pictures is left to train on; reduce data.val_share or "
                "data.test_share, which are taken first"
            )
        if self.fold is None and self.train_size is not None:
            splits["train"] = _as_numbers(self.few(samples.in_fixed_order(splits["train"]).tolist()))
        if leaks := self.leaks(splits):
            log.warning("%s: %s", self.place, sentence("leaks", leaks))
        return self._spec(findings, splits["train"]), splits

    def num_captions(self, findings: ShardFindings) -> int:
        """Of the good pictures."""
        return findings.num_captions

    def leaks(self, splits: Mapping[str, Numbers]) -> list[str]:
        """Pictures of two splits of what was inspected last, with the same bytes."""
        return [f"{one} = {other}" for one, other in same_bytes(self._inspected, splits)]

    def look_alikes(self, splits: Mapping[str, Numbers]) -> list[str]:
        """Pictures of two splits of what was inspected last that look alike, with other bytes."""
        return [f"{one} ≈ {other}" for one, other in look_alikes(self._inspected, splits)]

    def _tables(self, findings: ShardFindings) -> Iterator[tuple[Shard, Table, str | None]]:
        """The table of each shard that can be read, with a progress bar on a terminal."""
        console = Console(stderr=True)
        shards = track(self.found(), "looking at shards", console=console, disable=not console.is_terminal)
        for shard, split in shards:
            try:
                yield shard, table_of(shard), split
            except BadShardError as error:
                findings.report("damaged_shards", str(error))

    def _said_of_repeated(self, samples: Samples, number: int) -> str:
        way_on = "" if self.shard_keys else "; data.shard_keys=true calls pictures SHARD/KEY"
        return f"{samples.shard_name(number)}: {samples.key(number)} (another shard has a picture of this name{way_on})"

    def _spec(self, findings: ShardFindings, train: Numbers) -> DataSpec:
        """The facts; as of class folders, each sentence of a class counts once where pictures have labels."""
        labels, samples = findings.labels, findings.samples
        if not labels and findings.num_labelled:
            log.warning(
                "%s: %s of %s good pictures have a label, so that none is used: classes need a label of every picture",
                *(self.place, f"{findings.num_labelled:,}", f"{findings.num_pictures:,}"),
            )
        said = findings.class_captions() if labels else None
        spec = spec_of_captions(self.kind, self.place, self, lambda: said or samples.all_captions(train))
        return replace(spec, labels=labels, exclusive_labels=bool(labels))


def _as_numbers(numbers: Sequence[int]) -> Numbers:
    return np.asarray(numbers, np.int64)
