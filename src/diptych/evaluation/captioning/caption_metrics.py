"""How captions are worded, as lines of a captioner's table: near to what people wrote, varied, new, and finished.

None of it says whether a caption is true. Of short sentences from a grammar n-gram scores say little: a false caption
may share nearly every word with a true one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import CONTENTS, Figure
from diptych.evaluation.scene_accuracy import rotated
from diptych.evaluation.shares import share
from diptych.metrics.captions import References, tokenizer_for
from diptych.metrics.captions.diversity import (
    dangling_words,
    distinct,
    ends_badly,
    is_novel,
    mean_length,
    vocabulary_size,
)
from diptych.metrics.captions.self_bleu import self_bleu
from diptych.metrics.captions.units import is_share

MOST_OF_ENDLESS = 2_000
SCORE_LABELS = {
    "bleu_1": "BLEU-1",
    "bleu_2": "BLEU-2",
    "bleu_3": "BLEU-3",
    "bleu_4": "BLEU-4",
    "rouge_l": "ROUGE-L",
    "cider_d": "CIDEr-D",
}
NOTE = (
    "BLEU, ROUGE-L, CIDEr-D: coco-caption's, with a bootstrap over contents. Chance: the next image's caption. "
    "Reference: the first reference against the others, which are one fewer."
)
HEADLINE = ("cider_d", "bleu_4")
"""The figures that stand for the whole where nobody can say exactly what is true."""
BAD_ENDINGS, BAD_ENDINGS_NAME = "bad_ending_rate", "bad-ending rate"
OF_REFERENCES = "reference: the first references"


def in_front(keys: Sequence[str], figures: Sequence[Figure]) -> list[Figure]:
    """The figures of these keys, in their order, before all others."""
    first = [figure for key in keys for figure in figures if figure.key == key]
    return [*first, *(figure for figure in figures if figure.key not in keys)]


class CaptionMetrics:
    """Captions, one a held-out picture, beside the references and, where they are known, the training captions.

    `contents` says what each picture is of.
    """

    def __init__(self, texts: Sequence[str], held_out: HeldOut, contents: Sequence[str]) -> None:
        self.texts, self.held_out, self.contents = texts, held_out, contents
        self.tokenizer = tokenizer_for(held_out.spec.languages)
        self.references = References(dict(enumerate(held_out.references)), self.tokenizer)

    @property
    def protocol(self) -> dict[str, Any]:
        """What the figures depend on."""
        frequency = self.references.document_frequency
        return {
            "tokenizer": self.tokenizer.name,
            "document_frequency": f"{frequency.name} ({frequency.num_images} pictures)",
            "references": sum(map(len, self.held_out.references)),
        }

    def of_each(self, statistic: str) -> list[float] | None:
        """One of `STATISTICS` of each caption; None where the score is undefined for these references."""
        scores = self._scored(self.texts)
        return None if statistic in scores.undefined else scores.column(statistic)

    def figures(self, seed: int) -> list[Figure]:
        """All lines; `seed` draws the bootstrap."""
        return [*self._against_references(seed), *self._on_its_own()]

    def _against_references(self, seed: int) -> Iterator[Figure]:
        scores = self._scored(self.texts)
        values, intervals = scores.values(), scores.intervals(seed, self.contents, CONTENTS)
        chance, reference = self._scored(rotated(self.texts)).values(), self._reference()
        for key, label in SCORE_LABELS.items():
            ends = {"chance": chance[key], "reference": reference.get(key)}
            words = {"name": label, "note": scores.undefined.get(key, ""), "percent": is_share(key)}
            yield Figure.of(key, values[key], len(self.texts), intervals[key], **ends, **words)

    def _scored(self, texts: Sequence[str]) -> Any:
        return self.references.score(dict(enumerate(texts)))

    def _reference(self) -> Mapping[str, float | None]:
        """The first reference of each picture against its others, words weighed as in the scores; {} without others."""
        others = {i: texts[1:] for i, texts in enumerate(self.held_out.references)}
        if not all(others.values()):
            return {}
        references = References(others, self.tokenizer, self.references.document_frequency)
        return references.score(dict(enumerate(self.held_out.sentences))).values()

    def _on_its_own(self) -> Iterator[Figure]:
        own, people = self._words(self.texts), self._words(self.held_out.sentences)
        for order in (1, 2):
            shares = distinct(own, order), distinct(people, order)
            yield self._plain(f"distinct_{order}", *shares, name=f"distinct-{order}")
        yield self._plain("self_bleu", self_bleu(own), self_bleu(people), name="self-BLEU")
        yield self._plain("vocabulary_size", vocabulary_size(own), vocabulary_size(people))
        yield self._plain("mean_length", mean_length(own), mean_length(people))
        yield self._novel(own, people)
        yield self._bad_endings(own, people)

    def _plain(self, key: str, value: float | None, reference: float | None, **rest: Any) -> Figure:
        unit = {"percent": is_share(key)}
        return Figure(key, value, len(self.texts), reference=reference, note=OF_REFERENCES, **unit, **rest)

    def _novel(self, own: list[list[str]], people: list[list[str]]) -> Figure:
        training = self.held_out.training_captions(MOST_OF_ENDLESS)
        if training is None:
            return Figure("novel", None, note="the run was trained on other data than these")
        seen = self._words(training)
        note = f"not among {len(training):,} training captions; {OF_REFERENCES}"
        reference = share(is_novel(people, seen))
        return Figure.rate("novel", is_novel(own, seen), self.contents, reference=reference, note=note)

    def _bad_endings(self, own: list[list[str]], people: list[list[str]]) -> Figure:
        try:
            dangling = dangling_words(self.held_out.spec.languages)
        except ValueError as unlisted:
            return Figure(BAD_ENDINGS, None, name=BAD_ENDINGS_NAME, note=str(unlisted))
        words = {"name": BAD_ENDINGS_NAME, "note": OF_REFERENCES}
        reference = share(ends_badly(people, dangling))
        return Figure.rate(BAD_ENDINGS, ends_badly(own, dangling), self.contents, reference=reference, **words)

    def _words(self, texts: Sequence[str]) -> list[list[str]]:
        return [self.tokenizer.split(text).split() for text in texts]
