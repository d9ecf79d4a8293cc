"""The benchmark's prompts: contents as strata, sampled evenly in a seeded order, in the grammar's words.

They are the same for every generator of a world, whatever its seed. With a hold-out, prompts have two parts: `seen`,
whose contents and words training may contain, and `held_out`, of which it contains none.
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
    """The languages and phrasings (of each language) of prompts, and whether prompts are full sentences.

    A prompt in full is a complete sentence about a scene that shows the content, like most training sentences.
    """

    languages: Sequence[str] = ("en",)
    phrasings: Sequence[str] | None = None
    in_full: bool = False

    @cached_property
    def grammars(self) -> tuple[Grammar, ...]:
        """One grammar per language."""
        return tuple(Grammar(language) for language in self.languages)


@dataclass(frozen=True)
class Voice:
    """A language and its allowed phrasings."""

    grammar: Grammar
    phrasings: tuple[str, ...]

    def say(self, claims: Constraints, rng: Random) -> str:
        """The claims in words; in another phrasing if none of the allowed ones can express them."""
        able = self.phrasings if self.grammar.can_say(claims, self.phrasings) else None
        return self.grammar.say(claims, rng, phrasings=able)


@dataclass(frozen=True)
class Prompt:
    """One picture to generate. `claims` are those of its sentence; pictures are scored on its `content`.

    `scenes` show the content and no further objects; the world's distribution fills what the sentence leaves open. For
    a prompt in full they are all the one scene that it describes.
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
    """`number` prompts of a skill, each with `scenes` scenes; none if this part has no content of the skill."""
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
    """The content in symbols, such as `red circle above blue square`; the name is unique."""
    phrases = [_phrase(mention) for mention in content.mentions]
    relations = [relation.name for relation in content.relations] or [","] * (len(phrases) - 1)
    return " ".join([phrases[0], *(f"{name} {phrase}" for name, phrase in zip(relations, phrases[1:], strict=True))])


def _phrase(mention: Mention) -> str:
    number = str(mention.number) if mention.number > 1 else None
    return " ".join(filter(None, (number, mention.size, mention.colour, mention.shape)))


def drawn_evenly(things: Sequence[T], number: int, rng: Random) -> list[T]:
    """`number` of the things in random order; counts of any two things differ by at most 1."""
    rounds = -(-number // len(things)) if things else 0
    return [thing for _ in range(rounds) for thing in shuffled(things, rng)][:number]


def turned(claims: Constraints) -> Constraints:
    """The same chain of objects, described from its other end."""
    names = [INVERSE[relation.name] for relation in reversed(claims.relations)]
    return Constraints(claims.mentions[::-1], tuple(Relation(i, name, i + 1) for i, name in enumerate(names)))


@dataclass(frozen=True)
class _Part:
    """The scenes of one part of the benchmark."""

    name: str
    spec: WorldSpec
    hold_out: HoldOut | None

    def has(self, content: Constraints) -> bool:
        """Whether the content belongs to this part.

        A hold-out of phrasings holds no scene: all contents are in both parts, and only the words differ.
        """
        if self.hold_out is None:
            return self.name == SEEN
        if not self.hold_out.holds_scenes:
            return True
        return is_held(content, self.spec, self.hold_out) == (self.name == HELD_OUT)

    def scene(self, claims: Constraints, rng: Random) -> Scene:
        return scene_showing(claims, self.spec, rng, self.hold_out if self.name == SEEN else None)

    def new_scene(self, content: Constraints, rng: Random) -> Scene | None:
        """A scene that training never contains, if a few draws find one; scenes of one object are in all splits."""
        scenes = (self.scene(content, rng) for _ in range(DRAWS_OF_A_NEW_SCENE))
        return next((s for s in scenes if len(s.objects) == 1 or split_of(s, self.hold_out) != "train"), None)


def _bare(skill: str, content: Constraints, voice: Voice, scenes: int, world: _Part, rng: Random) -> Prompt:
    """A prompt with the content and no more, described from either of two related objects."""
    claims = turned(content) if content.relations and rng.random() < 0.5 else content
    shown = tuple(world.scene(claims, rng) for _ in range(scenes))
    return Prompt(skill, world.name, content, claims, voice.say(claims, rng), shown)


def _in_full(skill: str, content: Constraints, voice: Voice, scenes: int, world: _Part, rng: Random) -> Prompt:
    """A prompt that is a complete sentence about a new scene with the content."""
    scene = world.new_scene(content, rng) or world.scene(content, rng)
    sentence = voice.grammar.describe(scene, rng, phrasings=voice.phrasings)
    claims = voice.grammar.parse(sentence)
    assert claims is not None
    return Prompt(skill, world.name, content, claims, sentence, (scene,) * scenes, in_full=True)


def _askable(contents: Sequence[Constraints], world: _Part, speech: Speech, rng: Random) -> Iterator[Constraints]:
    """The contents of this part in random order; full sentences need a scene that training does not contain."""
    for content in shuffled(contents, rng):
        if world.has(content) and (not speech.in_full or world.new_scene(content, rng)):
            yield content


def _phrasings(grammar: Grammar, speech: Speech, part: str, hold_out: HoldOut | None) -> tuple[str, ...]:
    """The data's phrasings; if phrasings are held out, those of training or those of the test split."""
    names = grammar.phrasings if speech.phrasings is None else tuple(speech.phrasings)
    if hold_out is None or hold_out.holds_scenes:
        return names
    return tuple(name for name in names if (name in grammar.held_out_phrasings) == (part == HELD_OUT))
