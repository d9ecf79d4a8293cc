"""What all handles share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch

from diptych.config import Config
from diptych.metrics.weights_digest import weights_digest
from diptych.runs.folder.layout import RunFolder
from diptych.runs.images.pictures import Picture, to_pixels
from diptych.text import tokenizer_of
from diptych.types import DataSpec, Images

PICTURES_AT_ONCE = 64


@dataclass
class Handle:
    """What all handles share: where they come from, and what they know.

    `config` is the checkpoint's; `trust` names the foreign packages that were trusted to restore it.
    """

    run: RunFolder
    checkpoint: Path
    system: Any
    config: Config = field(default_factory=dict)
    trust: tuple[str, ...] = ()

    task: ClassVar[str] = ""
    """The task whose latest run `latest` means."""
    abilities: ClassVar[tuple[str, ...]] = ()
    """Methods of the system that the handle is made of."""
    does: ClassVar[str] = ""
    """What such a run can do, for messages."""
    python_use: ClassVar[str] = "system"
    """What follows a handle's name in a first example in Python."""

    @property
    def members(self) -> "tuple[Handle, ...]":
        """The runs that it is made of: itself, or those of an ensemble."""
        return (self,)

    @classmethod
    def fits(cls, system: Any) -> bool:
        """Whether the system can do what this handle offers."""
        return all(hasattr(system, ability) for ability in cls.abilities)

    @classmethod
    def first_use(cls, system: Any, sentence: str) -> tuple[str, ...]:
        """The command that a newly trained run is used with, and what follows the run's name on the command line."""
        return ("report",)

    @property
    def checkpoint_name(self) -> str:
        """Its checkpoint's name in file names and results; that of a file from elsewhere has its weights' digest."""
        stem = self.checkpoint.stem
        return stem if self.checkpoint.is_relative_to(self.run.path) else f"{stem}-{self.digest[:8]}"

    @property
    def data_spec(self) -> DataSpec:
        """The facts of the data that it learned from."""
        return self.system.data_spec

    @property
    def images_seen(self) -> int:
        """How much training the weights have had."""
        return self.system.images_seen

    @property
    def image_size(self) -> int:
        """Pixels a side of the images it works on."""
        return self.data_spec.image_size

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words it knows."""
        return tuple(self.data_spec.vocabulary[4:])

    @cached_property
    def tokenizer(self) -> Any:
        """Splits sentences as in training."""
        return tokenizer_of(self.data_spec)

    @cached_property
    def digest(self) -> str:
        """Names the weights, and what the system has learned beside them, wherever their checkpoint lies."""
        known = getattr(self.system, "run_digest", "")
        return known or weights_digest(self.system.state_dict(), getattr(self.system, "beyond_weights", {}))

    @property
    def reads_any_text(self) -> bool:
        """Whether no word is unknown to it and no sentence too long: its text encoder has a tokenizer of its own."""
        return getattr(self.system, "reads_any_text", False)

    def unknown_words(self, sentences: Sequence[str]) -> tuple[str, ...]:
        """The words that the run never saw, each once; none where it reads any text."""
        if self.reads_any_text:
            return ()
        known = set(self.vocabulary)
        return tuple(dict.fromkeys(w for s in sentences for w in self.tokenizer.split(s) if w not in known))

    def reads_whole(self, sentence: str) -> bool:
        """Whether it knows every word of the sentence and reads it to its end."""
        if self.reads_any_text:
            return True
        fits = len(self.tokenizer.split(sentence)) + 2 <= self.data_spec.max_length
        return fits and not self.unknown_words([sentence])

    def pixels_of(self, picture: Picture) -> torch.Tensor:
        """The image as the network is given it."""
        return to_pixels(picture, self.image_size, self.data_spec.image_channels)

    def _batches(self, pictures: Sequence[Picture]) -> Iterator[Images]:
        """The images on the network's device, as many at once as memory should hold."""
        for start in range(0, len(pictures), PICTURES_AT_ONCE):
            batch = pictures[start : start + PICTURES_AT_ONCE]
            yield torch.stack([self.pixels_of(picture) for picture in batch]).to(self.system.device)
