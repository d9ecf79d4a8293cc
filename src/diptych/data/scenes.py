"""The embedded world as data: endless scenes, rendered and captioned on request, without any files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from diptych.data.example import Example, ExampleRequest, Examples, keyed_rng
from diptych.data.labels import labels_of, scene_labels
from diptych.data.module import DataModule
from diptych.text import tokenizer_class
from diptych.types import DataSpec, Scene
from diptych.world import (
    RELATIONS,
    Constraints,
    Grammar,
    HoldOut,
    Relation,
    Split,
    WorldSpec,
    belongs,
    hold_out_named,
    scene_at,
)

EVALUATION_SEED = 0
CHECKED_EXAMPLES = 16


@dataclass(frozen=True)
class CaptionStyle:
    """How scenes are captioned: languages, phrasings, and the share of complete sentences.

    A share `complete_prob` of the sentences names every object, attribute and relation, the others only some.
    """

    grammars: tuple[Grammar, ...]
    phrasings: tuple[tuple[str, ...], ...]
    complete_prob: float

    def sentence(self, scene: Scene, rng: Random, language: int | None = None) -> str:
        """A true sentence, in a random language unless `language` gives its index."""
        place = int(rng.random() * len(self.grammars)) if language is None else language
        complete = rng.random() < self.complete_prob
        return self.grammars[place].describe(scene, rng, complete=complete, phrasings=self.phrasings[place])

    def references(self, scene: Scene, number: int, index: int) -> tuple[str, ...]:
        """Complete sentences about the index-th scene; languages alternate from scene to scene."""
        place = index % len(self.grammars)
        return self.grammars[place].references(scene, number, index, phrasings=self.phrasings[place])


@dataclass(frozen=True)
class TrainingScenes:
    """The infinite train split. References are the sentences of the token rows."""

    world: WorldSpec
    hold_out: HoldOut | None
    style: CaptionStyle
    captions_per_image: int
    seed: int

    size = None

    def may_draw(self, scene: Scene) -> bool:
        """Whether training may show what the scene shows; scenes of one object, which every split has, do not count."""
        world = self.world
        words = [(world.shapes, "shape"), (world.colours, "colour"), (world.sizes, "size")]
        known = all(getattr(thing, name) in values for thing in scene.objects for values, name in words)
        return known and len(scene.objects) > 1 and belongs(scene, "train", self.hold_out)

    def captions_of(self, index: int) -> tuple[str, ...]:
        return self[ExampleRequest(index, index)].references

    def __getitem__(self, request: ExampleRequest) -> Example:
        scene = scene_at(self.world, "train", self.seed, request.index, self.hold_out)
        rng = keyed_rng(self.seed, "telling", request.draw or 0)
        sentences = tuple(self.style.sentence(scene, rng) for _ in range(self.captions_per_image))
        return Example(f"train/{request.index}", sentences, sentences, scene=scene, labels=labels_of(scene, self.world))


@dataclass(frozen=True)
class HeldOutScenes:
    """The first `size` scenes of the val or test split, the same in every run, whatever its seed."""

    world: WorldSpec
    hold_out: HoldOut | None
    style: CaptionStyle
    captions_per_image: int
    num_references: int
    split: Split
    size: int

    def captions_of(self, index: int) -> tuple[str, ...]:
        return self[ExampleRequest(index)].references

    def __getitem__(self, request: ExampleRequest) -> Example:
        index = request.index
        scene = scene_at(self.world, self.split, EVALUATION_SEED, index, self.hold_out)
        rng = keyed_rng("telling", self.split, index)
        language = index % len(self.style.grammars)
        return Example(
            key=f"{self.split}/{index}",
            sentences=tuple(self.style.sentence(scene, rng, language) for _ in range(self.captions_per_image)),
            references=self.style.references(scene, self.num_references, index),
            scene=scene,
            labels=labels_of(scene, self.world),
        )


@dataclass(kw_only=True, eq=False, repr=False)
class ScenesData(DataModule):
    """Scenes of one world in one or more languages.

    `hold_out` (pairs, relation_order, count, phrasing) reserves some kind of scene or phrasing for the test split;
    `phrasings` restricts the phrasings. The vocabulary is the languages' whole lexicon, so it does not depend on the
    world or on a sample.
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
            raise ValueError(f"data.complete_prob={self.complete_prob} is a share of sentences: set 0 to 1")
        if not self.languages:
            raise ValueError("data.languages is empty: name at least one language, for example [en]")
        self.grammars = tuple(Grammar(language) for language in self.languages)

    def open(self) -> tuple[DataSpec, Mapping[str, Examples]]:
        hold_out = hold_out_named(self.hold_out, self.world) if self.hold_out else None
        splits: dict[str, TrainingScenes | HeldOutScenes] = {
            "train": TrainingScenes(
                self.world, hold_out, self._caption_style("train"), self.captions_per_image, self.seed
            ),
            "val": self._held_out("val", self.val_size, hold_out),
            "test": self._held_out("test", self.test_size, hold_out),
        }
        for split in splits.values():
            _check_examples(split)
        return self._spec(), splits

    def _held_out(self, split: Split, size: int, hold_out: HoldOut | None) -> HeldOutScenes:
        style = self._caption_style(split)
        return HeldOutScenes(self.world, hold_out, style, self.captions_per_image, self.num_references, split, size)

    def _caption_style(self, split: Split) -> CaptionStyle:
        phrasings = tuple(self._phrasings_of(grammar, split) for grammar in self.grammars)
        return CaptionStyle(self.grammars, phrasings, self.complete_prob)

    def _phrasings_of(self, grammar: Grammar, split: Split) -> tuple[str, ...]:
        """The configured phrasings; with hold_out=phrasing, only the test split uses the held-out ones."""
        names = grammar.phrasings if self.phrasings is None else self.phrasings
        if self.hold_out != "phrasing":
            return names
        return tuple(name for name in names if (name in grammar.held_out_phrasings) == (split == "test"))

    def _spec(self) -> DataSpec:
        texts = [text for grammar in self.grammars for text in grammar.texts()]
        cutter = tokenizer_class(self.tokenizer, self.tokenizer_rules).cutter(texts, self.num_tokens)
        split = cutter.split
        words = (token for text in texts for token in split(text))
        longest = (_longest(grammar, self.world.max_objects, split) for grammar in self.grammars)
        return DataSpec(
            name="scenes",
            image_size=self.world.side,
            image_channels=3,
            vocabulary=cutter.closed_vocabulary(words).tokens,
            max_length=max(longest) + 2,
            tokenizer=self.tokenizer,
            tokenizer_rules=self.tokenizer_rules,
            subwords=cutter.subwords,
            languages=tuple(grammar.name for grammar in self.grammars),
            world=self.world.to_dict(),
            labels=scene_labels(self.world),
        )


def _check_examples(split: TrainingScenes | HeldOutScenes) -> None:
    """Make a few examples, so that a split that cannot be sampled or captioned fails before training."""
    for index in range(CHECKED_EXAMPLES if split.size is None else min(CHECKED_EXAMPLES, split.size)):
        _ = split[ExampleRequest(index)]


def _longest(grammar: Grammar, num_objects: int, split: Callable[[str], Sequence[str]]) -> int:
    """The number of tokens of the longest sentence about `num_objects` objects."""
    return max(len(split(sentence)) for sentence in _long_sentences(grammar, num_objects, split))


def _long_sentences(grammar: Grammar, num_objects: int, split: Callable[[str], Sequence[str]]) -> Iterator[str]:
    """Every phrasing, filled with the longest noun phrases and relations."""
    language = grammar.language
    mention = max(language.noun_phrases, key=lambda m: len(split(language.noun_phrase(m))))
    for phrasing in language.phrasings.values():
        if not phrasing.has_relations:
            yield language.say(Constraints((mention,) * num_objects), phrasing)
        elif num_objects >= phrasing.least_objects:
            objects = num_objects if phrasing.more else 2
            for name in RELATIONS:
                row = tuple(Relation(i, name, i + 1) for i in range(objects - 1))
                yield language.say(Constraints((mention,) * objects, row), phrasing)
