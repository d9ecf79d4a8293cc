"""The classes of labelled pictures, and all that captions say of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

from diptych.data.phrasings import PHRASINGS, sentences
from diptych.text import tokenizer_class
from diptych.types import DataSpec


@dataclass(frozen=True)
class Classes:
    """The captions of each class by its label, in the order of the files' numbers."""

    captions: Mapping[str, tuple[str, ...]]

    @classmethod
    def named(cls, names: Mapping[str, Sequence[str]], phrasings: Sequence[str] = PHRASINGS) -> Self:
        """Each label with its names (what it is called in a sentence), in every phrasing."""
        return cls({label: sentences(called, phrasings) for label, called in names.items()})

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, each by one name."""
        return tuple(self.captions)

    def sentences(self, number: int) -> tuple[str, ...]:
        """All captions of a class by its number, in a fixed order."""
        return self.captions[self.labels[number]]

    def all_sentences(self) -> tuple[str, ...]:
        """All captions of all classes, so that the vocabulary does not depend on a sample."""
        return tuple(chain.from_iterable(self.captions.values()))

    def spec(
        self, name: str, *, image_size: int, channels: int, tokenizer: str, rules: int, num_tokens: int | None = None
    ) -> DataSpec:
        """The facts of a data set of these classes; its vocabulary covers all captions."""
        cutter = tokenizer_class(tokenizer, rules).cutter(self.all_sentences(), num_tokens)
        tokens = [cutter.split(sentence) for sentence in self.all_sentences()]
        return DataSpec(
            name=name,
            image_size=image_size,
            image_channels=channels,
            vocabulary=cutter.closed_vocabulary(token for words in tokens for token in words).tokens,
            max_length=max(map(len, tokens)) + 2,
            tokenizer=tokenizer,
            tokenizer_rules=rules,
            subwords=cutter.subwords,
            labels=self.labels,
            exclusive_labels=True,
            complete_references=True,
        )
