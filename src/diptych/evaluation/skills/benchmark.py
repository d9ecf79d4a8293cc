"""The skills benchmark of a generator: what it can do, skill by skill, on prompts of which many are alike.

Images of every prompt are generated and judged; beside each figure stand its chance (the same images held against each
other's prompts of the same skill) and its reference (true renders of what was asked, under the same judge).
"""

from collections.abc import Sequence
from typing import Any

import torch

from diptych.callbacks.grids import to_pil
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.context import Context
from diptych.evaluation.generation.generated import brought_to, generate_each, shown_places
from diptych.evaluation.results import Evaluation, Example, Layout
from diptych.evaluation.scene_accuracy import judged
from diptych.evaluation.skills.figures import NAMES, clusters_of, skill_figures
from diptych.evaluation.skills.prompt_set import PromptSet
from diptych.metrics.skills import Answers
from diptych.runs.capabilities import GeneratesImages
from diptych.types import Images, Scene, Track
from diptych.world import Judge, render
from diptych.world.prompts import HELD_OUT
from diptych.world.skills import skills_of

RENDERED_AT_ONCE = 512


class Skills(Benchmark):
    """Skills asked for in the shortest sentences."""

    kind, title, layout = "skills", "Skills", Layout.SKILLS
    lead = (
        "Each image was generated from the prompt below it. The first verdict names the skill and is GenEval's: what "
        "is asked for must be there. The second is strict: nothing else may be there, and the image must be clear."
    )
    needs = "a generator of sentences and a world of scenes that has room for skills"
    options = ("skills", "sampling")
    full_sentences = False

    def applies(self, context: Context) -> bool:
        generator, asked = context.subject, context.request.skills
        if asked is None or asked.full_sentences != self.full_sentences:
            return False
        if not isinstance(generator, GeneratesImages) or not generator.takes_sentences:
            return False
        world = context.held_out.world
        return world is not None and bool(skills_of(world))

    def measure(self, context: Context) -> Evaluation:
        """The table; what share of complete sentences the generator learned from decides on one of its notes."""
        generator, request, track = context.subject, context.request, context.track
        assert isinstance(generator, GeneratesImages)
        assert request.skills is not None
        prompt_set = PromptSet.of(context.held_out, request.skills)
        images = generated_prompts(generator, prompt_set, request.seed, track)
        answers = answered(prompt_set, images, track)
        rendered = answers_of_renders(prompt_set, track)
        complete_prob = context.subject.config.get("data", {}).get("complete_prob")
        return Evaluation.of(
            self,
            {**context.protocol, **_how(prompt_set), "num": len(images)},
            skill_figures(answers, rendered, prompt_set.hold_out),
            notes=_notes(prompt_set, complete_prob),
            examples=_examples(answers, images),
            clusters=clusters_of(answers),
        )


class SkillsInFull(Skills):
    """The same contents, asked for in complete sentences."""

    kind, title = "skills_full", "Skills, asked in full sentences"
    full_sentences = True


def generated_prompts(generator: GeneratesImages, prompt_set: PromptSet, seed: int, track: Track) -> Images:
    """The pictures of each prompt side by side; a sentence that comes again is generated from other noise."""
    copies = prompt_set.request.images_per_prompt
    sentences = [prompt.sentence for prompt in prompt_set.prompts for _ in range(copies)]
    return brought_to(generate_each(generator, sentences, seed, track, "generating skills"), prompt_set.spec.side)


def answered(prompt_set: PromptSet, images: Images, track: Track) -> Answers:
    """What the judge reads in the pictures of the prompts."""
    copies = prompt_set.request.images_per_prompt
    claims = [prompt.claims for prompt in prompt_set.prompts for _ in range(copies)]
    readings = judged(Judge(prompt_set.spec), images, claims, track, "judging skills").readings
    return Answers(Judge(prompt_set.spec), prompt_set.prompts, readings, copies)


def answers_of_renders(prompt_set: PromptSet, track: Track) -> Answers:
    """What the judge reads in a true picture of each prompt."""
    images = _rendered([prompt.scenes[0] for prompt in prompt_set.prompts])
    claims = [prompt.claims for prompt in prompt_set.prompts]
    readings = judged(Judge(prompt_set.spec), images, claims, track, "judging true renders").readings
    return Answers(Judge(prompt_set.spec), prompt_set.prompts, readings)


def _rendered(scenes: Sequence[Scene]) -> Images:
    parts = [scenes[i : i + RENDERED_AT_ONCE] for i in range(0, len(scenes), RENDERED_AT_ONCE)]
    return torch.cat([render(part) for part in parts])


def _how(prompt_set: PromptSet) -> dict[str, Any]:
    request = prompt_set.request
    return {
        "num_prompts": request.num_prompts,
        "images_per_prompt": request.images_per_prompt,
        "full_sentences": request.full_sentences,
        "contents": prompt_set.num_contents(),
    }


def _notes(prompt_set: PromptSet, complete_prob: float | None) -> tuple[str, ...]:
    drawn = ", ".join(f"{name} {number:,}" for name, number in prompt_set.num_contents().items())
    notes = [
        f"Different contents asked for, drawn evenly: {drawn}.",
        "Chance: each image held against another prompt of its skill. Reference: true renders of the prompts.",
    ]
    if complete_prob == 1 and not prompt_set.request.full_sentences:
        notes.append(
            "The training sentences are all complete (data.complete_prob=1), and these prompts leave things open: "
            "they are out of distribution. --full-sentences asks for the same contents in complete sentences."
        )
    missing = _not_held_out(prompt_set)
    if missing:
        notes.append(f"The hold-out has no content of: {', '.join(missing)}.")
    return tuple(notes)


def _not_held_out(prompt_set: PromptSet) -> list[str]:
    if prompt_set.hold_out is None:
        return []
    held = {prompt.skill for prompt in prompt_set.prompts if prompt.part == HELD_OUT}
    return [NAMES[skill] for skill in skills_of(prompt_set.spec) if skill not in held]


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
