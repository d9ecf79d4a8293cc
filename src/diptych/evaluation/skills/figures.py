"""The lines of the skills table: GenEval's score and the strict one, single claims, variety, and what is remembered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from diptych.evaluation.results import Figure
from diptych.evaluation.shares import share
from diptych.evaluation.skills.names import NEW_CONTENTS, OVERALL, PROMPTS
from diptych.metrics.memorisation import in_training
from diptych.metrics.skills import Answers, atom_accuracy, product_of_atoms
from diptych.metrics.variety import Choice, choices_in, entropy_share
from diptych.types import Scene
from diptych.world import HoldOut
from diptych.world.prompts import HELD_OUT, PARTS, SEEN, name_of
from diptych.world.skills import GENEVAL, SKILLS

NAMES = {
    "single_object": "single object",
    "two_object": "two objects",
    "counting": "counting",
    "colors": "colours",
    "position": "position",
    "color_attr": "colour attribution",
    "size": "size",
    "three_object": "three objects",
    "color_position": "colour and place",
}
SUFFIX = {SEEN: "", HELD_OUT: ", unseen"}
SCORES = {"geneval": "", "strict": ", strict"}
SPLITS = {SEEN: "seen", HELD_OUT: "unseen"}
VARIETIES = ("colour", "size", "place", "relation")
PAST = "few draws may give more than 100 %"


def skill_figures(answers: Answers, rendered: Answers, hold_out: HoldOut | None) -> list[Figure]:
    """The whole table; `rendered` are true pictures of the same prompts."""
    asked = {(prompt.skill, prompt.part) for prompt in answers.prompts}
    groups = [
        _Group(skill, part, answers.of(skill, part), rendered.of(skill, part))
        for part in PARTS
        for skill in SKILLS
        if (skill, part) in asked
    ]
    clusters, seen = clusters_of(answers), answers.of_part(SEEN)
    return [
        *(_overall(answers, groups, score, clusters) for score in SCORES),
        *(_rate(answers, group, score, clusters) for score in SCORES for group in groups),
        *(figure for group in groups for figure in _composition(group)),
        *_varieties(seen),
        _remembered(answers, seen, hold_out, clusters),
        _legible(answers, rendered, clusters),
    ]


def clusters_of(answers: Answers) -> list[str]:
    """What each picture's interval ranges over: its sentence, or where contents are new its content."""
    return [
        f"{prompt.skill}: {prompt.sentence if prompt.part == SEEN else name_of(prompt.content)}"
        for prompt in answers.prompt_of_each
    ]


@dataclass(frozen=True)
class _Group:
    """The pictures and the true renders of one skill's prompts in one part."""

    skill: str
    part: str
    own: Answers
    true: Answers

    @property
    def name(self) -> str:
        return f"{NAMES[self.skill]}{SUFFIX[self.part]}"

    def line(self, score: str, label: str) -> dict[str, Any]:
        """How the figure of a score is called."""
        return line_of(self.skill, score, self.part, f"{self.name}{label}")

    @cached_property
    def shuffled(self) -> Answers:
        return self.own.shuffled()


def line_of(skill: str, score: str, part: str, name: str) -> dict[str, Any]:
    """`colors.strict`, or of contents that training never showed `colors.strict.unseen`, with what it is of."""
    key = f"{skill}.{score}" if part == SEEN else f"{skill}.{score}.{SPLITS[part]}"
    return {"key": key, "name": name, "group": skill, "score": score, "split": SPLITS[part]}


def _overall(answers: Answers, groups: Sequence[_Group], score: str, clusters: Sequence[str]) -> Figure:
    """GenEval's unweighted mean over its skills, as far as the world has room for them; all have as many pictures."""
    counted = [group for group in groups if group.part == SEEN and group.skill in GENEVAL]
    note = f"mean of {len(counted)} of GenEval's {len(GENEVAL)} skills"
    line = line_of(OVERALL, score, SEEN, f"GenEval score{SCORES[score]}")
    return _pooled(line, answers, counted, score, clusters, PROMPTS, note)


def _rate(answers: Answers, group: _Group, score: str, clusters: Sequence[str]) -> Figure:
    """One skill; the interval speaks of other prompts of these contents, or of other contents where these are new."""
    note = f"{len(group.own.contents)} contents, {len(group.own.prompts)} prompts"
    over = PROMPTS if group.part == SEEN else NEW_CONTENTS
    return _pooled(group.line(score, SCORES[score]), answers, [group], score, clusters, over, note)


def _pooled(
    line: Mapping[str, Any],
    answers: Answers,
    groups: Sequence[_Group],
    score: str,
    clusters: Sequence[str],
    over: str,
    note: str,
) -> Figure:
    """The rate over all pictures of the groups; the other ones do not count."""
    chosen = {(group.skill, group.part) for group in groups}
    marks = zip(answers.prompt_of_each, answers.hits(score), strict=True)
    hits = [hit if (prompt.skill, prompt.part) in chosen else None for prompt, hit in marks]
    ends = {
        "chance": share([hit for group in groups for hit in group.shuffled.hits(score)]),
        "reference": share([hit for group in groups for hit in group.true.hits(score)]),
    }
    return Figure.rate(hits=hits, clusters=clusters, note=note, interval_over=over, **ends, **line)


def _composition(group: _Group) -> Iterator[Figure]:
    """Single claims, and what the whole would reach if they failed independently; for prompts of several claims."""
    own = group.own
    if len(own.scores[0].atoms) < 2:
        return
    ends = {"chance": atom_accuracy(group.shuffled.scores), "reference": atom_accuracy(group.true.scores)}
    value, n = atom_accuracy(own.scores), len(own.readings)
    yield Figure(value=value, n=n, note="single claims", **ends, **group.line("atoms", ", atoms"))
    product, whole = product_of_atoms(own.prompts[0], own.scores), share(own.hits("geneval")) or 0.0
    note = f"if claims failed independently; together {100 * whole:.1f} % hold"
    yield Figure(value=product, n=n, note=note, **group.line("product", ", product of atoms"))


def _varieties(answers: Answers) -> Iterator[Figure]:
    """Of what true pictures decide freely, beside as many fresh scenes of the same prompts."""
    generated = _choices(answers, [reading.scene for reading in answers.readings])
    fresh = _choices(answers, [scene for prompt in answers.prompts for scene in prompt.scenes])
    for kind in VARIETIES:
        own, world = ([choice for choice in choices if choice.kind == kind] for choices in (generated, fresh))
        value = entropy_share(own)
        note = f"share of the world's entropy, among true pictures; {PAST}" if own else "no prompt leaves it open"
        if own and value is None:
            note = "too few true pictures of any one content: ask for more (--num-prompts, --images-per-prompt)"
        ends = {"chance": 0.0, "reference": entropy_share(world)}
        yield Figure(f"variety_{kind}", value, len(own), name=f"variety of {kind}", note=note, **ends)


def _choices(answers: Answers, scenes: Sequence[Scene]) -> list[Choice]:
    """Of the pictures that show what was asked, or of scenes that stand in their place."""
    if any(prompt.in_full for prompt in answers.prompts):
        return []
    spec = answers.judge.spec
    trios = zip(answers.prompt_of_each, scenes, answers.hits("geneval"), strict=True)
    return [choice for prompt, scene, true in trios if true for choice in choices_in(scene, prompt.content, spec)]


def _remembered(answers: Answers, seen: Answers, hold_out: HoldOut | None, clusters: Sequence[str]) -> Figure:
    pairs = zip(answers.prompt_of_each, answers.readings, strict=True)
    counts = [prompt.part == SEEN and reading.is_legible for prompt, reading in pairs]
    remembered = in_training([reading.scene for reading in answers.readings], hold_out)
    own = [hit if counted else None for hit, counted in zip(remembered, counts, strict=True)]
    base = in_training([scene for prompt in seen.prompts for scene in prompt.scenes], hold_out)
    note = "pictures of a scene that is in the training split; reference: fresh scenes of the prompts"
    reference = share([hit for hit in base if hit is not None])
    of = {"reference": reference, "note": note, "interval_over": PROMPTS}
    return Figure.rate("scene_in_training", own, clusters, name="scene is in training", **of)


def _legible(answers: Answers, rendered: Answers, clusters: Sequence[str]) -> Figure:
    own, true = ([r.is_legible for r in one.readings] for one in (answers, rendered))
    return Figure.rate("legible", own, clusters, reference=share(true), interval_over=PROMPTS)
