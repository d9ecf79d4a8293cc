"""How captions are worded, as lines of a captioner's table: near to what people said, varied, new, and finished.

None of it says whether a caption is true. Of short sentences from a grammar n-gram scores say little: a false caption
may share nearly every word with a true one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import CONTENTS, Figure
from diptych.evaluation.scene_accuracy import rotated, share
from diptych.metrics.captions import References, tokenizer_for
from diptych.metrics.captions.diversity import DANGLING, distinct, ends_badly, is_novel, mean_length, vocabulary_size
from diptych.metrics.captions.self_bleu import self_bleu

MOST_OF_ENDLESS = 2_000
SCORE_LABELS = {
    "BLEU-1": "bleu_1",
    "BLEU-2": "bleu_2",
    "BLEU-3": "bleu_3",
    "BLEU-4": "bleu_4",
    "ROUGE-L": "rouge_l",
    "CIDEr-D": "cider_d",
}
NOTE = (
    "BLEU, ROUGE-L, CIDEr-D: coco-caption's, with a bootstrap over contents. Floor: the next picture's caption. "
    "Ceiling: the first reference against the others, which are one fewer."
)
OF_REFERENCES = "ceiling: the first references"


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

    def figures(self, seed: int) -> list[Figure]:
        """All lines; `seed` draws the bootstrap."""
        return [*self._against_references(seed), *self._on_its_own()]

    def _against_references(self, seed: int) -> Iterator[Figure]:
        scores = self._scored(self.texts)
        values, intervals = scores.values(), scores.intervals(seed, self.contents, CONTENTS)
        floor, ceiling = self._scored(rotated(self.texts)).values(), self._ceiling()
        for label, name in SCORE_LABELS.items():
            ends = {"floor": floor[name], "ceiling": ceiling.get(name)}
            words = {"note": scores.undefined or "", "percent": name != "cider_d"}
            yield Figure.of(label, values[name], len(self.texts), intervals[name], **ends, **words)

    def _scored(self, texts: Sequence[str]) -> Any:
        return self.references.score(dict(enumerate(texts)))

    def _ceiling(self) -> Mapping[str, float | None]:
        """The first reference of each picture against its others, words weighed as in the scores; {} without others."""
        others = {i: texts[1:] for i, texts in enumerate(self.held_out.references)}
        if not all(others.values()):
            return {}
        references = References(others, self.tokenizer, self.references.document_frequency)
        return references.score(dict(enumerate(self.held_out.sentences))).values()

    def _on_its_own(self) -> Iterator[Figure]:
        told, people = self._words(self.texts), self._words(self.held_out.sentences)
        for order in (1, 2):
            yield self._plain(f"distinct-{order}", distinct(told, order), distinct(people, order))
        yield self._plain("self-BLEU", self_bleu(told), self_bleu(people))
        vocabulary = vocabulary_size(told), vocabulary_size(people)
        yield self._plain("different words", *vocabulary, percent=False)
        yield self._plain("words a caption", mean_length(told), mean_length(people), percent=False)
        yield self._novel(told, people)
        yield self._badly_ended(told, people)

    def _plain(self, name: str, value: float | None, ceiling: float | None, percent: bool = True) -> Figure:
        return Figure(name, value, len(self.texts), ceiling=ceiling, note=OF_REFERENCES, percent=percent)

    def _novel(self, told: list[list[str]], people: list[list[str]]) -> Figure:
        training = self.held_out.training_captions(MOST_OF_ENDLESS)
        if training is None:
            return Figure("not in the training captions", None, note="the run was trained on other data than these")
        seen = self._words(training)
        note = f"of {len(training):,} of them; {OF_REFERENCES}"
        ceiling = share(is_novel(people, seen))
        return Figure.rate(
            "not in the training captions", is_novel(told, seen), self.contents, ceiling=ceiling, note=note
        )

    def _badly_ended(self, told: list[list[str]], people: list[list[str]]) -> Figure:
        languages = self.held_out.spec.languages
        if unknown := [language for language in languages if language not in DANGLING]:
            return Figure("badly ended", None, note=f"no list of words that end no caption in {', '.join(unknown)}")
        dangling = frozenset().union(*(DANGLING[language] for language in languages))
        ceiling = share(ends_badly(people, dangling))
        return Figure.rate(
            "badly ended", ends_badly(told, dangling), self.contents, ceiling=ceiling, note=OF_REFERENCES
        )

    def _words(self, texts: Sequence[str]) -> list[list[str]]:
        return [self.tokenizer.split(text).split() for text in texts]
