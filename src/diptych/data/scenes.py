"""The embedded world as data: scenes without end, rendered and told as they are asked for. No disk is touched."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from diptych.data.example import Example, Examples, Request, keyed_rng
from diptych.data.labels import labels_of, scene_labels
from diptych.data.module import DataModule
from diptych.text import Vocabulary, tokenizer_class
from diptych.types import DataSpec, Scene
from diptych.world import RELATIONS, Constraints, Grammar, HoldOut, Relation, Split, WorldSpec, hold_out_named, scene_at

EVALUATION_SEED = 0
TRIED_OUT = 16


@dataclass(frozen=True)
class Telling:
    """How scenes are told: in which languages and phrasings, and how much of the truth.

    `complete_prob` of the sentences say everything (every object, attribute and relation), the others a part.
    """

    grammars: tuple[Grammar, ...]
    phrasings: tuple[tuple[str, ...], ...]
    complete_prob: float

    def sentence(self, scene: Scene, rng: Random, language: int | None = None) -> str:
        """A true sentence, in any of the languages unless one is named by its place."""
        place = int(rng.random() * len(self.grammars)) if language is None else language
        complete = rng.random() < self.complete_prob
        return self.grammars[place].describe(scene, rng, complete=complete, phrasings=self.phrasings[place])

    def references(self, scene: Scene, number: int, index: int) -> tuple[str, ...]:
        """Complete sentences about the index-th scene; languages take turns from scene to scene."""
        place = index % len(self.grammars)
        return self.grammars[place].references(scene, number, index, phrasings=self.phrasings[place])


@dataclass(frozen=True)
class TrainingScenes:
    """The train split: infinite. References are the very sentences of the token rows."""

    world: WorldSpec
    hold_out: HoldOut | None
    telling: Telling
    captions_per_image: int
    seed: int

    size = None

    def captions_of(self, index: int) -> tuple[str, ...]:
        return self[Request(index, index)].references

    def __getitem__(self, request: Request) -> Example:
        scene = scene_at(self.world, "train", self.seed, request.index, self.hold_out)
        rng = keyed_rng(self.seed, "telling", request.draw or 0)
        sentences = tuple(self.telling.sentence(scene, rng) for _ in range(self.captions_per_image))
        return Example(f"train/{request.index}", sentences, sentences, scene=scene, labels=labels_of(scene, self.world))


@dataclass(frozen=True)
class HeldOutScenes:
    """The first `size` scenes of the val or test split: the same in every run, whatever its seed."""

    world: WorldSpec
    hold_out: HoldOut | None
    telling: Telling
    captions_per_image: int
    num_references: int
    split: Split
    size: int

    def captions_of(self, index: int) -> tuple[str, ...]:
        return self[Request(index)].references

    def __getitem__(self, request: Request) -> Example:
        index = request.index
        scene = scene_at(self.world, self.split, EVALUATION_SEED, index, self.hold_out)
        rng = keyed_rng("telling", self.split, index)
        language = index % len(self.telling.grammars)
        return Example(
            key=f"{self.split}/{index}",
            sentences=tuple(self.telling.sentence(scene, rng, language) for _ in range(self.captions_per_image)),
            references=self.telling.references(scene, self.num_references, index),
            scene=scene,
            labels=labels_of(scene, self.world),
        )


@dataclass(kw_only=True, eq=False, repr=False)
class ScenesData(DataModule):
    """Scenes of one world in one or more languages.

    `hold_out` (pairs, relation_order, count, phrasing) keeps some kind of scene or phrasing for the test split alone;
    `phrasings` narrows how things are said. The vocabulary is the languages' whole lexicon, so it never depends on
    the world or on a sample.
    """

    endless: ClassVar[bool] = True

    world: WorldSpec
    languages: tuple[str, ...]
    complete_prob: float
    phrasings: tuple[str, ...] | None
    hold_out: str | None
    num_references: int
    val_size: int
    test_size: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.complete_prob <= 1:
            raise ValueError(f"data.complete_prob={self.complete_prob} is a share of sentences: choose 0 to 1")
        if not self.languages:
            raise ValueError("data.languages is empty: name at least one language, such as [en]")
        self.grammars = tuple(Grammar(language) for language in self.languages)

    def open(self) -> tuple[DataSpec, Mapping[str, Examples]]:
        hold_out = hold_out_named(self.hold_out, self.world) if self.hold_out else None
        splits: dict[str, TrainingScenes | HeldOutScenes] = {
            "train": TrainingScenes(self.world, hold_out, self._telling("train"), self.captions_per_image, self.seed),
            "val": self._held_out("val", self.val_size, hold_out),
            "test": self._held_out("test", self.test_size, hold_out),
        }
        for split in splits.values():
            _try_out(split)
        return self._spec(), splits

    def _held_out(self, split: Split, size: int, hold_out: HoldOut | None) -> HeldOutScenes:
        telling = self._telling(split)
        return HeldOutScenes(self.world, hold_out, telling, self.captions_per_image, self.num_references, split, size)

    def _telling(self, split: Split) -> Telling:
        phrasings = tuple(self._phrasings_of(grammar, split) for grammar in self.grammars)
        return Telling(self.grammars, phrasings, self.complete_prob)

    def _phrasings_of(self, grammar: Grammar, split: Split) -> tuple[str, ...]:
        """What the config allows; with hold_out=phrasing, the test alone uses the phrasings that are held out."""
        names = grammar.phrasings if self.phrasings is None else self.phrasings
        if self.hold_out != "phrasing":
            return names
        return tuple(name for name in names if (name in grammar.held_out_phrasings) == (split == "test"))

    def _spec(self) -> DataSpec:
        split = tokenizer_class(self.tokenizer).split
        words = (token for grammar in self.grammars for text in grammar.texts() for token in split(text))
        longest = (_longest(grammar, self.world.max_objects, split) for grammar in self.grammars)
        return DataSpec(
            name="scenes",
            image_size=self.world.side,
            image_channels=3,
            vocabulary=Vocabulary.of_words(words).tokens,
            max_length=max(longest) + 2,
            tokenizer=self.tokenizer,
            languages=tuple(grammar.name for grammar in self.grammars),
            world=self.world.to_dict(),
            labels=scene_labels(self.world),
        )


def _try_out(split: TrainingScenes | HeldOutScenes) -> None:
    """Make a few examples, so that a split which cannot be drawn or told says so before anything is trained."""
    for index in range(TRIED_OUT if split.size is None else min(TRIED_OUT, split.size)):
        _ = split[Request(index)]


def _longest(grammar: Grammar, num_objects: int, split: Callable[[str], Sequence[str]]) -> int:
    """How many tokens the longest sentence about so many objects has."""
    return max(len(split(sentence)) for sentence in _long_sentences(grammar, num_objects, split))


def _long_sentences(grammar: Grammar, num_objects: int, split: Callable[[str], Sequence[str]]) -> Iterator[str]:
    """Every phrasing, full of the longest noun phrases and relations."""
    language = grammar.language
    mention = max(language.noun_phrases, key=lambda m: len(split(language.noun_phrase(m))))
    for phrasing in language.phrasings.values():
        if not phrasing.tells_relations:
            yield language.say(Constraints((mention,) * num_objects), phrasing)
        elif num_objects >= phrasing.least_objects:
            objects = num_objects if phrasing.more else 2
            for name in RELATIONS:
                row = tuple(Relation(i, name, i + 1) for i in range(objects - 1))
                yield language.say(Constraints((mention,) * objects, row), phrasing)
