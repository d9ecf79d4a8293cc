"""Existence: does a captioner know which objects are in an image, and which are not? After POPE, by likelihood.

POPE (Li et al. 2023, arXiv:2305.10355) asks "Is there a … in the image?", as often of an object that is there as of one
that is not. A captioner answers no questions. So the sentence that names the object alone is scored, and the answer is
yes where this image makes it likelier than the images of the evaluation do together: log p(sentence | image) >
log mean p(sentence | any image). Absent objects are drawn at random, or taken as the most popular ones, as those seen
most often beside the objects that are there (adversarial), or as those that share most of their attributes with them
(confusable), which is the harder question where a world draws its objects independently.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import log
from random import Random

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.context import Context
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.likelihood.answers import Answers
from diptych.evaluation.results import Evaluation
from diptych.runs.capabilities import ScoresOwnSentences, ScoresSentences
from diptych.types import Scene, Track
from diptych.world import Constraints, Grammar, Mention, WorldSpec
from diptych.world.choice import shuffled

MOST_PICTURES = 500
"""As many as POPE asks of."""
PICTURES_AT_ONCE = 16
NOTE = (
    "Objects that are there and as many that are not, each named alone; yes: the image makes the sentence likelier "
    "than all images together do. Chance: the answers of the next image."
)
Thing = tuple[str, str, str]
Rank = Callable[["Objects", int, int], float]


@dataclass(frozen=True)
class Objects:
    """Every object that can be named, and which of them each scene shows."""

    things: Sequence[Thing]
    scenes: Sequence[Scene]

    @cached_property
    def shown(self) -> list[list[int]]:
        """The numbers of the objects of each scene, each once."""
        numbers = {thing: i for i, thing in enumerate(self.things)}
        named = ([(o.shape, o.colour, o.size) for o in scene.objects] for scene in self.scenes)
        return [sorted({numbers[thing] for thing in own if thing in numbers}) for own in named]

    @cached_property
    def frequency(self) -> Counter[int]:
        """In how many scenes each object is."""
        return Counter(number for own in self.shown for number in own)

    @cached_property
    def together(self) -> Counter[tuple[int, int]]:
        """In how many scenes two objects are together."""
        return Counter((one, other) for own in self.shown for one in own for other in own if one != other)

    def absent(self, scene: int, rng: Random) -> list[int]:
        """The objects that the scene does not show, in random order."""
        return shuffled([i for i in range(len(self.things)) if i not in self.shown[scene]], rng)

    def alike(self, one: int, other: int) -> int:
        """How many attributes two objects share."""
        return sum(a == b for a, b in zip(self.things[one], self.things[other], strict=True))


def _any(objects: Objects, scene: int, number: int) -> float:
    return 0.0


def _popular(objects: Objects, scene: int, number: int) -> float:
    return objects.frequency[number]


def _adversarial(objects: Objects, scene: int, number: int) -> float:
    return sum(objects.together[own, number] for own in objects.shown[scene])


def _confusable(objects: Objects, scene: int, number: int) -> float:
    return max((objects.alike(own, number) for own in objects.shown[scene]), default=0)


NEGATIVES: Mapping[str, Rank] = {
    "random": _any,
    "popular": _popular,
    "adversarial": _adversarial,
    "confusable": _confusable,
}
"""What ranks the absent objects of which the first are asked for, as many as the scene shows."""


class Existence(Benchmark):
    """A captioner's yes and no, on scenes."""

    kind, title = "existence", "Existence of objects"
    needs = "a captioner on scenes that knows the words of their objects"

    def applies(self, context: Context) -> bool:
        run = context.subject
        if not isinstance(run, ScoresSentences) or not isinstance(run, ScoresOwnSentences):
            return False
        return context.held_out.world is not None and bool(_statements(context.held_out, run))

    def measure(self, context: Context) -> Evaluation:
        run, held_out = context.subject, context.held_out
        assert isinstance(run, ScoresSentences)
        assert isinstance(run, ScoresOwnSentences)
        held_out = held_out.only(range(min(MOST_PICTURES, len(held_out))))
        statements = _statements(held_out, run)
        objects = Objects(list(statements), held_out.true_scenes())
        says_yes = _says_yes(run, held_out, list(statements.values()), context.track)
        answers = {
            name: Answers(says_yes, objects.shown, asked(objects, rank, context.request.seed))
            for name, rank in NEGATIVES.items()
        }
        figures = [figure for name, own in answers.items() for figure in own.figures(name, held_out.contents)]
        protocol = {**context.protocol, "num": len(held_out), "statements": len(statements)}
        return Evaluation.of(
            self,
            protocol,
            figures,
            notes=(NOTE,),
            headline=tuple(f"existence_{name}_accuracy" for name in NEGATIVES),
            clusters=held_out.contents,
        )


def asked(objects: Objects, rank: Rank, seed: int) -> list[list[int]]:
    """For each scene as many absent objects as it shows: those of highest rank, of equal ones drawn by `seed`."""
    return [
        sorted(objects.absent(scene, Random(f"{seed}/existence/{scene}")), key=lambda n: -rank(objects, scene, n))[
            : len(shown)
        ]
        for scene, shown in enumerate(objects.shown)
    ]


def _statements(held_out: HeldOut, run: ScoresOwnSentences) -> dict[Thing, str]:
    """Every object of the world that the run can read of, in the words of the data's first language."""
    world, grammar = held_out.world, Grammar(held_out.spec.languages[0])
    assert isinstance(world, WorldSpec)
    list_phrasing = grammar.phrasings_of_lists[0]
    said = {
        thing: grammar.say(Constraints((Mention(*thing),)), Random(0), phrasings=(list_phrasing,))
        for thing in product(world.shapes, world.colours, world.sizes)
    }
    return {thing: text for thing, text in said.items() if run.reads_whole(text)}


def _says_yes(
    run: ScoresSentences, held_out: HeldOut, statements: Sequence[str], track: Track
) -> Bool[Tensor, "pictures statements"]:
    parts = held_out.images.split(PICTURES_AT_ONCE)
    nats = [
        run.sentence_nats(list(part), statements) for part in track(parts, description="existence", total=len(parts))
    ]
    return likelier_than_usual(-torch.cat(nats))


def likelier_than_usual(log_probs: Float[Tensor, "pictures statements"]) -> Bool[Tensor, "pictures statements"]:
    """Whether each picture makes a statement likelier than all pictures together do."""
    exact = log_probs.double()
    return exact > exact.logsumexp(dim=0) - log(len(exact))
