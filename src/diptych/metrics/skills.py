"""Scores of images for the benchmark's prompts: two scores per image, and its atoms.

`geneval` is the literature's open world: the requested objects must be present, and other objects are wrong only in
counting. `strict` is the closed world: the judge calls the image true, and it shows no further objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from random import Random

from diptych.world import Constraints, Judge, Reading
from diptych.world.choice import shuffled
from diptych.world.geneval import Atom, atoms_held, atoms_of
from diptych.world.prompts import Prompt
from diptych.world.skills import fewest_objects


@dataclass(frozen=True, slots=True)
class SkillScore:
    """`geneval` and `strict` of one image, and which of its prompt's atoms hold."""

    geneval: bool
    strict: bool
    atoms: tuple[bool, ...]


@dataclass(frozen=True)
class Answers:
    """The judge's readings of images for prompts, with `copies` adjacent images per prompt."""

    judge: Judge
    prompts: Sequence[Prompt]
    readings: Sequence[Reading]
    copies: int = 1

    def __post_init__(self) -> None:
        assert len(self.readings) == len(self.prompts) * self.copies

    @cached_property
    def scores(self) -> list[SkillScore]:
        """One score per image."""
        pairs = zip(self.readings, self.prompt_of_each, strict=True)
        return [skill_score(self.judge, reading, prompt) for reading, prompt in pairs]

    @property
    def prompt_of_each(self) -> list[Prompt]:
        """The prompt of each image."""
        return [prompt for prompt in self.prompts for _ in range(self.copies)]

    def of(self, skill: str, part: str) -> "Answers":
        """The answers to the prompts of one skill and part."""
        return self._chosen([(prompt.skill, prompt.part) == (skill, part) for prompt in self.prompts])

    def of_part(self, part: str) -> "Answers":
        """The answers to the prompts of one part."""
        return self._chosen([prompt.part == part for prompt in self.prompts])

    def shuffled(self) -> "Answers":
        """Chance: images scored against shuffled prompts, each against the next prompt of a random cycle."""
        order = shuffled(range(len(self.prompts)), Random(0))
        following = dict(zip(order, [*order[1:], *order[:1]], strict=True))
        return replace(self, prompts=[self.prompts[following[i]] for i in range(len(self.prompts))])

    def hits(self, score: str) -> list[bool]:
        """Whether each image passes the score `geneval` or `strict`."""
        return [getattr(one, score) for one in self.scores]

    @property
    def contents(self) -> set[Constraints]:
        """The different contents of the prompts."""
        return {prompt.content for prompt in self.prompts}

    def _chosen(self, chosen: Sequence[bool]) -> "Answers":
        places = [i for i, is_chosen in enumerate(chosen) if is_chosen]
        readings = [self.readings[i * self.copies + copy] for i in places for copy in range(self.copies)]
        return replace(self, prompts=[self.prompts[i] for i in places], readings=readings)


def skill_score(judge: Judge, reading: Reading, prompt: Prompt) -> SkillScore:
    """Both scores of an image; an illegible image can pass `geneval`, but never `strict`."""
    atoms = atoms_held(prompt.metadata, reading.scene)
    closed = len(reading.scene.objects) == fewest_objects(prompt.claims, judge.spec)
    return SkillScore(all(atoms), closed and judge.verdict(reading, prompt.claims).true, atoms)


def atom_accuracy(scores: Sequence[SkillScore]) -> float | None:
    """The share of atoms that hold, over all images together."""
    atoms = [held for score in scores for held in score.atoms]
    return sum(atoms) / len(atoms) if atoms else None


def product_of_atoms(prompt: Prompt, scores: Sequence[SkillScore]) -> float | None:
    """The expected accuracy if the atoms failed independently, at their own rates.

    Claims about objects count only in images that have these objects. All images belong to one skill, of which `prompt`
    is any prompt. A value above the observed accuracy means that atoms interfere; below, that they fail together.
    """
    if not scores:
        return None
    rows = [score.atoms for score in scores]
    return prod(_rate(i, atom, rows) for i, atom in enumerate(atoms_of(prompt.metadata)))


def _rate(place: int, atom: Atom, rows: Sequence[tuple[bool, ...]]) -> float:
    possible = [row[place] for row in rows if all(row[need] for need in atom.needs)]
    return sum(possible) / len(possible) if possible else 0.0
