"""The benchmark's prompts: contents as strata, drawn evenly and in a seeded order, each said in the grammar's words.

The same for every generator of a world, whatever its seed. With a hold-out, prompts fall in two parts: `seen`, whose
contents and words training may have met, and `held_out`, of which it met none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, islice
from random import Random
from typing import Any, TypeVar

from diptych.types import Scene
from diptych.world.choice import shuffled
from diptych.world.constraints import Constraints, Mention, Relation
from diptych.world.geneval import metadata
from diptych.world.grammar import Grammar
from diptych.world.holdouts import HoldOut
from diptych.world.skills import contents_of, is_held, scene_showing
from diptych.world.spec import INVERSE, WorldSpec
from diptych.world.splits import split_of

SEEN, HELD_OUT = "seen", "held_out"
PARTS = (SEEN, HELD_OUT)
SEED = 0
DRAWS_OF_A_NEW_SCENE = 64

T = TypeVar("T")


@dataclass(frozen=True)
class Speech:
    """In which languages and phrasings (of each language) prompts are said, and whether in full.

    A prompt in full is a complete sentence about a scene that shows the content, as most training sentences are.
    """

    languages: Sequence[str] = ("en",)
    phrasings: Sequence[str] | None = None
    in_full: bool = False

    @cached_property
    def grammars(self) -> tuple[Grammar, ...]:
        """One for each language."""
        return tuple(Grammar(language) for language in self.languages)


@dataclass(frozen=True)
class Voice:
    """A language and those of its phrasings that may be used."""

    grammar: Grammar
    phrasings: tuple[str, ...]

    def say(self, claims: Constraints, rng: Random) -> str:
        """The claims in words; in other phrasings where none of these has room for them."""
        able = self.phrasings if self.grammar.can_say(claims, self.phrasings) else None
        return self.grammar.say(claims, rng, phrasings=able)


@dataclass(frozen=True)
class Prompt:
    """One thing to generate. `claims` is what its sentence says; pictures are scored on its `content`.

    `scenes` show it and no more than it takes, each drawn as the world draws what the sentence leaves open; for a
    prompt in full they are all the one scene that it describes.
    """

    skill: str
    part: str
    content: Constraints
    claims: Constraints
    sentence: str
    scenes: tuple[Scene, ...]
    in_full: bool = False

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The content in GenEval's schema."""
        return metadata(self.skill, self.content, self.sentence)


def prompts_of(
    skill: str,
    spec: WorldSpec,
    number: int,
    *,
    part: str = SEEN,
    hold_out: HoldOut | None = None,
    speech: Speech = Speech(),
    scenes: int = 1,
) -> list[Prompt]:
    """`number` prompts of a skill with so many scenes each; none where no content of the skill is in this part."""
    rng = Random(f"skills/{SEED}/{skill}/{part}")
    world = _Part(part, spec, hold_out)
    contents = tuple(islice(_askable(contents_of(skill, spec), world, speech, rng), number))
    voices = cycle([Voice(grammar, _phrasings(grammar, speech, part, hold_out)) for grammar in speech.grammars])
    return [
        _in_full(skill, content, voice, scenes, world, rng)
        if speech.in_full
        else _bare(skill, content, voice, scenes, world, rng)
        for content, voice in zip(drawn_evenly(contents, number, rng), voices, strict=False)
    ]


def name_of(content: Constraints) -> str:
    """The content in symbols, such as `red circle above blue square`; no two contents have one name."""
    phrases = [_phrase(mention) for mention in content.mentions]
    relations = [relation.name for relation in content.relations] or [","] * (len(phrases) - 1)
    return " ".join([phrases[0], *(f"{name} {phrase}" for name, phrase in zip(relations, phrases[1:], strict=True))])


def _phrase(mention: Mention) -> str:
    number = str(mention.number) if mention.number > 1 else None
    return " ".join(filter(None, (number, mention.size, mention.colour, mention.shape)))


def drawn_evenly(things: Sequence[T], number: int, rng: Random) -> list[T]:
    """`number` of the things, none more than once oftener than another, in a random order."""
    rounds = -(-number // len(things)) if things else 0
    return [thing for _ in range(rounds) for thing in shuffled(things, rng)][:number]


def turned(claims: Constraints) -> Constraints:
    """The same row of objects in the same places, told from its other end."""
    names = [INVERSE[relation.name] for relation in reversed(claims.relations)]
    return Constraints(claims.mentions[::-1], tuple(Relation(i, name, i + 1) for i, name in enumerate(names)))


@dataclass(frozen=True)
class _Part:
    """The scenes of one part of the benchmark."""

    name: str
    spec: WorldSpec
    hold_out: HoldOut | None

    def has(self, content: Constraints) -> bool:
        """Whether training may have seen the content, or never saw it.

        A hold-out of words holds no scene: all contents are in both parts, and only how they are said differs.
        """
        if self.hold_out is None:
            return self.name == SEEN
        if not self.hold_out.holds_scenes:
            return True
        return is_held(content, self.spec, self.hold_out) == (self.name == HELD_OUT)

    def scene(self, claims: Constraints, rng: Random) -> Scene:
        return scene_showing(claims, self.spec, rng, self.hold_out if self.name == SEEN else None)

    def new_scene(self, content: Constraints, rng: Random) -> Scene | None:
        """One that training never had, if a few draws find it; those of one object are in all splits."""
        scenes = (self.scene(content, rng) for _ in range(DRAWS_OF_A_NEW_SCENE))
        return next((s for s in scenes if len(s.objects) == 1 or split_of(s, self.hold_out) != "train"), None)


def _bare(skill: str, content: Constraints, voice: Voice, scenes: int, world: _Part, rng: Random) -> Prompt:
    """The content and no more, told from either of two related objects."""
    claims = turned(content) if content.relations and rng.random() < 0.5 else content
    shown = tuple(world.scene(claims, rng) for _ in range(scenes))
    return Prompt(skill, world.name, content, claims, voice.say(claims, rng), shown)


def _in_full(skill: str, content: Constraints, voice: Voice, scenes: int, world: _Part, rng: Random) -> Prompt:
    """A complete sentence about a new scene that shows the content."""
    scene = world.new_scene(content, rng) or world.scene(content, rng)
    sentence = voice.grammar.describe(scene, rng, phrasings=voice.phrasings)
    claims = voice.grammar.parse(sentence)
    assert claims is not None
    return Prompt(skill, world.name, content, claims, sentence, (scene,) * scenes, in_full=True)


def _askable(contents: Sequence[Constraints], world: _Part, speech: Speech, rng: Random) -> Iterator[Constraints]:
    """The contents of this part in random order; for full sentences those that training did not meet in every scene."""
    for content in shuffled(contents, rng):
        if world.has(content) and (not speech.in_full or world.new_scene(content, rng)):
            yield content


def _phrasings(grammar: Grammar, speech: Speech, part: str, hold_out: HoldOut | None) -> tuple[str, ...]:
    """The data's phrasings; where words are held out, those of training or those of the test."""
    names = grammar.phrasings if speech.phrasings is None else tuple(speech.phrasings)
    if hold_out is None or hold_out.holds_scenes:
        return names
    return tuple(name for name in names if (name in grammar.held_out_phrasings) == (part == HELD_OUT))
