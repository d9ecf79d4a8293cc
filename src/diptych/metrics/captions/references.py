"""References that are tokenised, counted and weighed once, and against which captions are scored again and again.

BLEU, ROUGE-L and CIDEr-D equal those of coco-caption (Chen et al. 2015, arXiv:1504.00325).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np

from diptych.metrics.captions.bleu import closest_length, most_often, num_correct, num_guessed
from diptych.metrics.captions.cider import CiderReferences
from diptych.metrics.captions.document_frequency import EVALUATED, DocumentFrequency
from diptych.metrics.captions.ngrams import ORDERS, Ngram, ngram_counts
from diptych.metrics.captions.rouge import RougeReferences
from diptych.metrics.captions.scores import CaptionScores
from diptych.metrics.captions.tokenization import PTB, CaptionTokenizer

Key = Any
"""Names a picture: a number or text."""
NAMED = 5


@dataclass(frozen=True, slots=True)
class _Picture:
    """The references of one picture, as each metric wants them; `cider` is None where CIDEr-D is undefined."""

    most: Mapping[Ngram, int]
    lengths: Sequence[int]
    rouge: RougeReferences
    cider: CiderReferences | None

    def statistics(self, text: str) -> list[float | int]:
        """`STATISTICS` of one tokenised caption of the picture."""
        words = text.split()
        counts = ngram_counts(words)
        return [
            *num_correct(counts, self.most),
            *num_guessed(len(words)),
            len(words),
            closest_length(len(words), self.lengths),
            self.rouge.score(text.split(" ")),
            self.cider.score(counts) if self.cider else nan,
            1,
        ]


class References:
    """The captions that people gave each picture, `captions[key]`, at least one each.

    `document_frequency` None takes that of these very references, as coco-caption does. `undefined` says of some scores
    why these references have none: BLEU-4 of references of three words would be near 0 for a perfect caption.
    """

    def __init__(
        self,
        captions: Mapping[Key, Sequence[str]],
        tokenizer: CaptionTokenizer = PTB,
        document_frequency: DocumentFrequency | None = None,
    ) -> None:
        _check_references(captions)
        self.tokenizer = tokenizer
        texts = [[tokenizer.split(text) for text in of_one] for of_one in captions.values()]
        counts = [[ngram_counts(text.split()) for text in of_one] for of_one in texts]
        most = [most_often(of_one) for of_one in counts]
        self.document_frequency = document_frequency or DocumentFrequency.of(EVALUATED, most)
        no_cider = self.document_frequency.why_undefined()
        weights = None if no_cider else self.document_frequency.weights()
        self._pictures = {
            key: _Picture(
                most=most[i],
                lengths=[each[0].total() for each in counts[i]],
                rouge=RougeReferences([text.split(" ") for text in texts[i]]),
                cider=CiderReferences(counts[i], weights) if weights else None,
            )
            for i, key in enumerate(captions)
        }
        longest = max(max(picture.lengths) for picture in self._pictures.values())
        self.undefined = {f"bleu_{n}": f"no reference has {n} words" for n in ORDERS if n > longest}
        if no_cider:
            self.undefined["cider_d"] = no_cider

    @property
    def keys(self) -> tuple[Key, ...]:
        """The pictures, in their order."""
        return tuple(self._pictures)

    def score(self, captions: Mapping[Key, str]) -> CaptionScores:
        """One caption of each picture against its references, whatever order they come in."""
        self.check(captions)
        rows = [self.statistics(key, captions[key]) for key in self._pictures]
        return CaptionScores(np.array(rows, dtype=np.float64), self.undefined)

    def statistics(self, key: Key, caption: str) -> list[float | int]:
        """`STATISTICS` of one caption of the picture."""
        return self._pictures[key].statistics(self.tokenizer.split(caption))

    def check(self, keys: Iterable[Key]) -> None:
        """A ValueError that names captions which are missing, and those of pictures without references."""
        given = dict.fromkeys(keys)
        missing = [key for key in self._pictures if key not in given]
        surplus = [key for key in given if key not in self._pictures]
        if missing:
            raise ValueError(f"predictions: no caption for {_named(missing)} of {len(self._pictures):,} pictures")
        if surplus:
            raise ValueError(f"predictions: there are no references for {_named(surplus)}")


def _check_references(captions: Mapping[Key, Sequence[str]]) -> None:
    if not captions:
        raise ValueError("references: there are none")
    if without := [key for key, texts in captions.items() if not texts]:
        raise ValueError(f"references: {_named(without)} have no caption; leave them out")


def _named(keys: Sequence[Key]) -> str:
    """The first few, and how many more."""
    more = f" and {len(keys) - NAMED:,} more" if len(keys) > NAMED else ""
    return ", ".join(str(key) for key in keys[:NAMED]) + more
