"""ROUGE-L as coco-caption has it: the longest common subsequence, with recall weighing 1.2² times precision.

Precision and recall are each the best that any reference gives, so that they may come from different ones; Lin 2004
takes both from one reference, and so do torchmetrics and rouge-score: theirs is another figure.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

_BETA = 1.2


class RougeReferences:
    """The references of one picture, of a word each at least, prepared for one caption after the other.

    All of them lie side by side in the bits of one integer, a bit a word and a spare one between references; the
    longest common subsequences with all of them then take a few operations a word of the caption (Hyyrö 2004,
    "Bit-parallel LCS-length computation revisited").
    """

    def __init__(self, references: Iterable[Sequence[str]]) -> None:
        self._places: dict[str, int] = defaultdict(int)
        self._fields: list[tuple[int, int, int]] = []
        start = 0
        for reference in references:
            for place, word in enumerate(reference, start):
                self._places[word] |= 1 << place
            self._fields.append((start, (1 << len(reference)) - 1, len(reference)))
            start += len(reference) + 1
        self._all = sum(field << place for place, field, _ in self._fields)

    def score(self, words: Sequence[str]) -> float:
        """ROUGE-L of one caption of a word at least, in [0, 1]."""
        common = self._common(words)
        precision = max(common) / len(words)
        recall = max(c / length for c, (_, _, length) in zip(common, self._fields, strict=True))
        if not precision:
            return 0.0
        return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)

    def _common(self, words: Sequence[str]) -> list[int]:
        """How long the longest common subsequence with each reference is."""
        left = self._all
        for word in words:
            if word in self._places:
                met = left & self._places[word]
                left = ((left + met) | (left - met)) & self._all
        return [length - (left >> start & field).bit_count() for start, field, length in self._fields]
