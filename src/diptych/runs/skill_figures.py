"""The lines of the skills table: GenEval's score and the strict one, single claims, variety, and what is remembered."""

from collections.abc import Iterator, Sequence

from diptych.metrics.memorisation import in_training
from diptych.metrics.skills import Answers, atom_accuracy, product_of_atoms
from diptych.metrics.variety import Choice, choices_in, entropy_share
from diptych.runs.results import Figure
from diptych.runs.truth import share
from diptych.types import Scene
from diptych.world import HoldOut
from diptych.world.prompts import HELD_OUT, PARTS, SEEN
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
    "color_position": "colour and position",
}
SUFFIX = {SEEN: "", HELD_OUT: ", held out"}
SCORES = {"geneval": "", "strict": ", strict"}
VARIETIES = ("colour", "size", "place", "relation")


def skill_figures(answers: Answers, rendered: Answers, hold_out: HoldOut | None) -> list[Figure]:
    """The whole table; `rendered` are true pictures of the same prompts."""
    pairs = {
        (skill, part): (answers.of(skill, part), rendered.of(skill, part))
        for part in PARTS
        for skill in SKILLS
        if any((prompt.skill, prompt.part) == (skill, part) for prompt in answers.prompts)
    }
    seen = answers.of_part(SEEN)
    overall = [_overall(pairs, score) for score in SCORES]
    rates = [
        _rate(f"{NAMES[skill]}{SUFFIX[part]}{SCORES[score]}", score, part, *pair)
        for score in SCORES
        for (skill, part), pair in pairs.items()
    ]
    composed = [
        figure
        for (skill, part), pair in pairs.items()
        for figure in _composition(f"{NAMES[skill]}{SUFFIX[part]}", *pair)
    ]
    return [*overall, *rates, *composed, *_varieties(seen), _remembered(seen, hold_out), _legible(answers, rendered)]


def _overall(pairs: dict[tuple[str, str], tuple[Answers, Answers]], score: str) -> Figure:
    """GenEval's unweighted mean over its skills, as far as the world has room for them."""
    parts = [pair for (skill, part), pair in pairs.items() if part == SEEN and skill in GENEVAL]
    means = [
        _mean([share(column.hits(score)) for column in columns])
        for columns in zip(*((own, own.shuffled(), true) for own, true in parts), strict=True)
    ]
    value, floor, ceiling = means if parts else (None, None, None)
    note = f"mean of {len(parts)} of GenEval's {len(GENEVAL)} skills"
    n = sum(len(own.readings) for own, _ in parts)
    return Figure(f"GenEval score{SCORES[score]}", value, n, floor=floor, ceiling=ceiling, note=note)


def _rate(name: str, score: str, part: str, own: Answers, true: Answers) -> Figure:
    """One skill; the interval speaks of other prompts of these contents, or of other contents if these are unseen."""
    note = f"{len(set(own.contents))} contents, {len(own.prompts)} prompts"
    floor, ceiling = share(own.shuffled().hits(score)), share(true.hits(score))
    return Figure.rate(name, own.hits(score), floor=floor, ceiling=ceiling, note=note)


def _composition(name: str, own: Answers, true: Answers) -> Iterator[Figure]:
    """Single claims, and what the whole would reach if they failed independently; for prompts of several claims."""
    if len(own.scores[0].atoms) < 2:
        return
    n, floor, ceiling = len(own.readings), atom_accuracy(own.shuffled().scores), atom_accuracy(true.scores)
    yield Figure(f"{name}, atoms", atom_accuracy(own.scores), n, floor=floor, ceiling=ceiling, note="single claims")
    product = product_of_atoms(own.prompts[0], own.scores)
    observed = share(own.hits("geneval")) or 0.0
    note = f"all claims together: {100 * observed:.1f} %"
    yield Figure(f"{name}, product of atoms", product, n, note=note)


def _varieties(answers: Answers) -> Iterator[Figure]:
    """Of what true pictures decide freely, beside as many fresh scenes of the same prompts."""
    painted = _choices(answers, [reading.scene for reading in answers.readings])
    fresh = _choices(answers, [scene for prompt in answers.prompts for scene in prompt.scenes])
    for kind in VARIETIES:
        own, world = ([choice for choice in choices if choice.kind == kind] for choices in (painted, fresh))
        value = entropy_share(own)
        note = "share of the world's entropy, among true pictures" if own else "no prompt leaves it open"
        if own and value is None:
            note = "too few true pictures of any one content: ask for more (--num-prompts, --images-per-prompt)"
        yield Figure(f"variety of {kind}", value, len(own), floor=0.0, ceiling=entropy_share(world), note=note)


def _choices(answers: Answers, scenes: Sequence[Scene]) -> list[Choice]:
    """Of the pictures that show what was asked, or of scenes that stand in their place."""
    if answers.prompts[0].in_full:
        return []
    spec = answers.judge.spec
    trios = zip(answers.prompt_of_each, scenes, answers.hits("geneval"), strict=True)
    return [choice for prompt, scene, true in trios if true for choice in choices_in(scene, prompt.content, spec)]


def _remembered(answers: Answers, hold_out: HoldOut | None) -> Figure:
    legible = [reading.scene for reading in answers.readings if reading.is_legible]
    fresh = [scene for prompt in answers.prompts for scene in prompt.scenes]
    own, base = in_training(legible, hold_out), in_training(fresh, hold_out)
    note = "pictures of a scene that is in the training split; ceiling: fresh scenes of the prompts"
    return Figure.rate("scene is in training", own, ceiling=share(base), note=note)


def _legible(answers: Answers, rendered: Answers) -> Figure:
    own, true = ([r.is_legible and not r.is_blank for r in one.readings] for one in (answers, rendered))
    return Figure.rate("legible", own, ceiling=share(true))


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known)
