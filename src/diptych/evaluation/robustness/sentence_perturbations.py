"""A generator's sentences disturbed: said otherwise, mistyped, mangled, or in another language; and generated again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from PIL import Image

from diptych.callbacks.grids import to_pil
from diptych.evaluation.generation.generated import brought_to, generate_each
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.scene_accuracy import Judged, judged
from diptych.runs.capabilities import GeneratesImages
from diptych.text import WordTokenizer
from diptych.text.perturbations import mistyped, reordered, with_further_word, with_unknown_word
from diptych.types import Images, Track
from diptych.world import Constraints, Grammar, languages
from diptych.world.prompts import turned

TRIES = 8


@dataclass(frozen=True)
class SentenceCondition:
    """One disturbance of all sentences; None stands for one that it cannot be done to."""

    key: str
    name: str
    keeps_meaning: bool
    sentences: Sequence[str | None]


@dataclass(frozen=True)
class Regenerated:
    """The pictures of the disturbed sentences, held against what was asked at first."""

    condition: SentenceCondition
    places: Sequence[int]
    sentences: Sequence[str]
    images: Images
    judged: Judged

    def picture(self, number: int) -> Image.Image:
        """One of the pictures, for people."""
        return to_pil(self.images[number : number + 1])[0]


def sentence_conditions(generator: GeneratesImages, held_out: HeldOut, seed: int) -> list[SentenceCondition]:
    """All disturbances of the held-out sentences, the same for the same seed."""
    spoken = held_out.spec.languages
    speech = _Speech(generator, [Grammar(name) for name in spoken], _unspoken(spoken))
    foreign = "wrong" if speech.foreign else "other"
    makers: list[tuple[str, str, bool, Callable[[str, Constraints, Random], str | None]]] = [
        ("paraphrase", "paraphrase", True, speech.paraphrased),
        ("other_object_first", "told from the other object", True, speech.turned_round),
        ("typo", "typo", True, speech.mistyped),
        ("further_word", "further unknown word", True, speech.with_further_word),
        (f"{foreign}_language", f"{foreign} language", True, speech.translated),
        ("word_order", "word order", False, speech.reordered),
        ("unknown_word", "unknown word instead", False, speech.with_unknown_word),
    ]
    pairs = list(zip(held_out.sentences, held_out.meanings(), strict=True))
    return [
        SentenceCondition(key, name, keeps, [make(*pair, Random(f"{seed}/{name}/{i}")) for i, pair in enumerate(pairs)])
        for key, name, keeps, make in makers
    ]


def regenerate(
    generator: GeneratesImages, clean: Judged, condition: SentenceCondition, held_out: HeldOut, seed: int, track: Track
) -> Regenerated:
    """Generate and judge the sentences of a condition that can be disturbed."""
    places = [i for i, sentence in enumerate(condition.sentences) if sentence is not None]
    sentences = [sentence for sentence in condition.sentences if sentence is not None]
    claims = [clean.claims[place] for place in places]
    if not places:
        return Regenerated(condition, (), (), held_out.images[:0], Judged(clean.judge, (), ()))
    images = brought_to(
        generate_each(generator, sentences, seed, track, f"generating: {condition.name}"), held_out.image_size
    )
    verdicts = judged(clean.judge, images, claims, track, f"judging: {condition.name}")
    return Regenerated(condition, places, sentences, images, verdicts)


@dataclass(frozen=True)
class _Speech:
    """Ways to disturb a sentence, given what it claims; None for what the generator cannot read whole."""

    generator: GeneratesImages
    grammars: Sequence[Grammar]
    foreign: Grammar | None

    def paraphrased(self, sentence: str, claims: Constraints, rng: Random) -> str | None:
        said = (self._grammar_of(sentence).say(claims, rng) for _ in range(TRIES))
        return next((other for other in said if other != sentence and self._is_read_whole(other)), None)

    def turned_round(self, sentence: str, claims: Constraints, rng: Random) -> str | None:
        return self.paraphrased(sentence, turned(claims), rng) if claims.relations else None

    def mistyped(self, sentence: str, claims: Constraints, rng: Random) -> str | None:
        return self._joined(mistyped(WordTokenizer.split(sentence), self._known(sentence), rng))

    def with_further_word(self, sentence: str, claims: Constraints, rng: Random) -> str | None:
        return self._joined(with_further_word(WordTokenizer.split(sentence), self._known(sentence), rng))

    def with_unknown_word(self, sentence: str, claims: Constraints, rng: Random) -> str | None:
        return self._joined(with_unknown_word(WordTokenizer.split(sentence), self._known(sentence), rng))

    def reordered(self, sentence: str, claims: Constraints, rng: Random) -> str | None:
        return self._joined(reordered(WordTokenizer.split(sentence), rng))

    def translated(self, sentence: str, claims: Constraints, rng: Random) -> str | None:
        """In another language, as far as the generator reads."""
        spoken = self._grammar_of(sentence)
        other = self.foreign or next((g for g in self.grammars if g is not spoken), None)
        return self.generator.cut(other.say(claims, rng)) if other else None

    def _grammar_of(self, sentence: str) -> Grammar:
        return next(grammar for grammar in self.grammars if grammar.parse(sentence))

    def _known(self, sentence: str) -> set[str]:
        return {word for text in self._grammar_of(sentence).texts() for word in WordTokenizer.split(text)}

    def _joined(self, tokens: Sequence[str] | None) -> str | None:
        sentence = None if tokens is None else WordTokenizer.join(tokens)
        return sentence if sentence and self._is_read_whole(sentence) else None

    def _is_read_whole(self, sentence: str) -> bool:
        return len(self.generator.tokenizer.split(sentence)) + 2 <= self.generator.data_spec.max_length


def _unspoken(spoken: Sequence[str]) -> Grammar | None:
    """A language that the data do not speak, if there is one."""
    return next((Grammar(name) for name in languages() if name not in spoken), None)
