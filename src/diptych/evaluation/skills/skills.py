"""The skills benchmark of a generator: what it can do, skill by skill, on prompts of which many are alike.

Pictures of every prompt are generated and judged; beside each figure stand its floor (the same pictures held against
each other's prompts of the same skill) and its ceiling (true renders of what was asked, under the same judge).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from diptych.callbacks.grids import to_pil
from diptych.config.errors import UserError
from diptych.evaluation.generation.generated import brought_to, generate_each, shown_places
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import Evaluation, Example
from diptych.evaluation.scene_accuracy import judged
from diptych.evaluation.skills.figures import NAMES, SUFFIX, clusters_of, skill_figures
from diptych.metrics.skills import Answers
from diptych.runs.load import ImageGenerator
from diptych.types import Images, Scene, Track
from diptych.world import HoldOut, Judge, WorldSpec, hold_out_named, render
from diptych.world.prompts import HELD_OUT, PARTS, Prompt, Speech, prompts_of
from diptych.world.skills import skills_of

KIND, TITLE = "skills", "Skills"
KIND_IN_FULL, TITLE_IN_FULL = "skills_full", "Skills, asked in full sentences"
RENDERED_AT_ONCE = 512


@dataclass(frozen=True)
class SkillsRequest:
    """How many prompts of each skill, how many pictures of each, and whether each is a complete sentence."""

    num_prompts: int = 250
    images_per_prompt: int = 1
    full_sentences: bool = False

    def __post_init__(self) -> None:
        if self.num_prompts < 2:
            raise UserError(f"num_prompts={self.num_prompts}: at least two are needed, to shuffle them for the floor")
        if self.images_per_prompt < 1:
            raise UserError(f"images_per_prompt={self.images_per_prompt}: ask for at least one picture of each prompt")


@dataclass(frozen=True)
class Benchmark:
    """The prompts of one world, in the languages and phrasings of its data; skills take turns."""

    spec: WorldSpec
    hold_out: HoldOut | None
    speech: Speech
    request: SkillsRequest

    @classmethod
    def of(cls, held_out: HeldOut, request: SkillsRequest) -> "Benchmark":
        """For the world, the hold-out and the phrasings of the data that are evaluated on."""
        spec, node = held_out.world, held_out.node
        assert spec is not None
        hold_out = hold_out_named(node["hold_out"], spec) if node.get("hold_out") else None
        speech = Speech(held_out.spec.languages, node.get("phrasings"), request.full_sentences)
        return cls(spec, hold_out, speech, request)

    @cached_property
    def prompts(self) -> list[Prompt]:
        """All of them: the first of every skill, then the second of every skill, and so on."""
        rows = [self._prompts(skill, part) for part in PARTS for skill in skills_of(self.spec)]
        longest = max(map(len, rows), default=0)
        return [row[i] for i in range(longest) for row in rows if i < len(row)]

    def num_contents(self) -> dict[str, int]:
        """How many different contents each skill's prompts have, those of held-out ones apart."""
        drawn: dict[str, set[Any]] = {}
        for prompt in self.prompts:
            name = f"{NAMES[prompt.skill]}{SUFFIX[prompt.part]}"
            drawn.setdefault(name, set()).add(prompt.content)
        return {name: len(contents) for name, contents in drawn.items()}

    def _prompts(self, skill: str, part: str) -> list[Prompt]:
        return prompts_of(
            skill,
            self.spec,
            self.request.num_prompts,
            part=part,
            hold_out=self.hold_out,
            speech=self.speech,
            scenes=self.request.images_per_prompt,
        )


def evaluate_skills(
    generator: ImageGenerator,
    held_out: HeldOut,
    request: SkillsRequest,
    protocol: Mapping[str, Any],
    track: Track,
    complete_prob: float | None = None,
) -> Evaluation:
    """The table of the generator's skills; `complete_prob` is the share of complete sentences that it learned from."""
    benchmark = Benchmark.of(held_out, request)
    images = generated_prompts(generator, benchmark, protocol["seed"], track)
    answers = answered(benchmark, images, track)
    rendered = answers_of_renders(benchmark, track)
    return Evaluation(
        KIND_IN_FULL if request.full_sentences else KIND,
        TITLE_IN_FULL if request.full_sentences else TITLE,
        {**protocol, **_how(benchmark), "num": len(images)},
        skill_figures(answers, rendered, benchmark.hold_out),
        notes=_notes(benchmark, complete_prob),
        examples=_examples(answers, images),
        clusters=clusters_of(answers),
    )


def generated_prompts(generator: ImageGenerator, benchmark: Benchmark, seed: int, track: Track) -> Images:
    """The pictures of each prompt side by side; a sentence that comes again is generated from other noise."""
    copies = benchmark.request.images_per_prompt
    sentences = [prompt.sentence for prompt in benchmark.prompts for _ in range(copies)]
    return brought_to(generate_each(generator, sentences, seed, track, "generating skills"), benchmark.spec.side)


def answered(benchmark: Benchmark, images: Images, track: Track) -> Answers:
    """What the judge reads in the pictures of the prompts."""
    copies = benchmark.request.images_per_prompt
    claims = [prompt.claims for prompt in benchmark.prompts for _ in range(copies)]
    readings = judged(Judge(benchmark.spec), images, claims, track, "judging skills").readings
    return Answers(Judge(benchmark.spec), benchmark.prompts, readings, copies)


def answers_of_renders(benchmark: Benchmark, track: Track) -> Answers:
    """What the judge reads in a true picture of each prompt."""
    images = _rendered([prompt.scenes[0] for prompt in benchmark.prompts])
    claims = [prompt.claims for prompt in benchmark.prompts]
    readings = judged(Judge(benchmark.spec), images, claims, track, "judging true renders").readings
    return Answers(Judge(benchmark.spec), benchmark.prompts, readings)


def _rendered(scenes: Sequence[Scene]) -> Images:
    parts = [scenes[i : i + RENDERED_AT_ONCE] for i in range(0, len(scenes), RENDERED_AT_ONCE)]
    return torch.cat([render(part) for part in parts])


def _how(benchmark: Benchmark) -> dict[str, Any]:
    request = benchmark.request
    return {
        "num_prompts": request.num_prompts,
        "images_per_prompt": request.images_per_prompt,
        "full_sentences": request.full_sentences,
        "contents": benchmark.num_contents(),
    }


def _notes(benchmark: Benchmark, complete_prob: float | None) -> tuple[str, ...]:
    drawn = ", ".join(f"{name} {number:,}" for name, number in benchmark.num_contents().items())
    notes = [
        f"Different contents asked for, drawn evenly: {drawn}.",
        "Floor: each picture held against another prompt of its skill. Ceiling: true renders of the prompts.",
    ]
    if complete_prob == 1 and not benchmark.request.full_sentences:
        notes.append(
            "The training sentences are all complete (data.complete_prob=1), and these prompts leave things open: "
            "they are out of distribution. --full-sentences asks for the same contents in complete sentences."
        )
    missing = _not_held_out(benchmark)
    if missing:
        notes.append(f"The hold-out has no content of: {', '.join(missing)}.")
    return tuple(notes)


def _not_held_out(benchmark: Benchmark) -> list[str]:
    if benchmark.hold_out is None:
        return []
    held = {prompt.skill for prompt in benchmark.prompts if prompt.part == HELD_OUT}
    return [NAMES[skill] for skill in skills_of(benchmark.spec) if skill not in held]


def _examples(answers: Answers, images: Images) -> list[Example]:
    """The first ones, of every skill in turn, and the first failures after them."""
    places = shown_places(answers.hits("geneval"))
    return [
        Example(i, picture, answers.prompt_of_each[i].sentence, verdicts=_verdicts(answers, i))
        for i, picture in zip(places, to_pil(images[places]), strict=True)
    ]


def _verdicts(answers: Answers, place: int) -> tuple[tuple[str, bool], ...]:
    score = answers.scores[place]
    return (NAMES[answers.prompt_of_each[place].skill], score.geneval), ("strictly", score.strict)
