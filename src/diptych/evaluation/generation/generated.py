"""Evaluation of a generator: one picture of each held-out sentence, and how many show what their sentence says."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image

from diptych.callbacks.grids import to_pil
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import Evaluation, Example, Figure
from diptych.evaluation.scene_accuracy import IMAGE_LABELS, PICTURES_AT_ONCE, Judged, figures, judged, silently
from diptych.metrics.energy import image_energy_distance
from diptych.runs.load import ImageGenerator
from diptych.types import Images, Track
from diptych.world import Judge, canonical, judge_fresh, render

TITLE = "Generation"
MOST_CHECKS = 1000
MILD_BLUR = 0.6
FIRST_EXAMPLES, MORE_FAILURES = 24, 12


@dataclass(frozen=True)
class GeneratedImages:
    """Pictures, the sentences they were generated from, and what the judge says, or why there is nothing to judge."""

    images: Images
    sentences: Sequence[str]
    judged: Judged | None
    unjudged: str = ""


def generate_held_out(generator: ImageGenerator, held_out: HeldOut, *, seed: int, track: Track) -> GeneratedImages:
    """One picture a sentence. A sentence that comes again is generated from other noise."""
    sentences = held_out.sentences
    images = brought_to(generate_each(generator, sentences, seed, track), held_out.spec.image_size)
    if generator.system.text_encoder is None:
        return GeneratedImages(
            images, [""] * len(images), None, "this generator takes no sentences, so it has nothing to be true to"
        )
    if held_out.world is None:
        return GeneratedImages(
            images, sentences, None, f"{held_out.name} has no exact scenes, so nobody can say exactly"
        )
    judge = Judge(held_out.world)
    return GeneratedImages(
        images, sentences, judged(judge, images, held_out.meanings(), track, "judging generated images")
    )


def generate_each(
    generator: ImageGenerator, sentences: list[str], seed: int, track: Track = silently, description: str = "generating"
) -> Images:
    """One picture for each entry, in order."""
    if generator.system.text_encoder is None:
        return generator.system.generate(None, num_images=len(sentences), seed=seed).cpu()
    parts = _alike(Counter(sentences))
    pictures = {
        sentence: iter(images)
        for number, part in track(parts, description=description, total=len(parts))
        for sentence, images in _generate_times(generator, part, number, seed)
    }
    return torch.stack([next(pictures[sentence]) for sentence in sentences])


def evaluate_generation(
    generated: GeneratedImages, held_out: HeldOut, protocol: Mapping[str, Any], track: Track
) -> Evaluation:
    """The generator's table; `generated` are its pictures of the very sentences."""
    energy = energy_figure(generated.images, held_out.images)
    if generated.judged is None:
        truth = Figure("fully true", None, note=generated.unjudged)
        return Evaluation("generator", TITLE, protocol, [truth, energy], examples=_examples(generated))
    ceiling = true_renders(held_out, generated.judged.judge, track)
    floor, contents = generated.judged.shuffled(), held_out.contents
    table = figures(IMAGE_LABELS, generated.judged.scores, floor.scores, ceiling.scores, contents)
    return Evaluation(
        "generator",
        TITLE,
        protocol,
        [*table, *_legibility(generated.judged, contents), *judge_figures(ceiling, contents, protocol["seed"]), energy],
        generated.judged.reasons(),
        ("Floor: each picture held against another one's sentence. Ceiling: true renders under the same judge.",),
        _examples(generated),
        contents,
    )


def _legibility(found: Judged, contents: Sequence[str]) -> list[Figure]:
    """The other axis: how well pictures can be read, and what is true of the reading whatever its quality."""
    readings = found.readings
    rows = {
        "legible": [reading.is_legible for reading in readings],
        "clean": [reading.legibility == "clean" for reading in readings],
        "certain": [reading.is_legible and not reading.is_ambiguous for reading in readings],
        "read as asked, legible or not": found.matches,
    }
    return [Figure.rate(name, hits, contents) for name, hits in rows.items()]


def judge_figures(ceiling: Judged, contents: Sequence[str], seed: int) -> list[Figure]:
    """How often the judge itself is right about true renders of the same world; `contents` are the held-out ones."""
    num, spec = len(ceiling.readings), ceiling.judge.spec
    scenes, right = judge_fresh(spec, num, seed, MILD_BLUR)
    fresh = [" ".join(canonical(scene)) for scene in scenes]
    words = {"plain": "held-out scenes, rendered", "blurred": "fresh scenes, rendered and mildly blurred"}
    blurred = Figure.rate(f"judge right, blur {MILD_BLUR} px", right, fresh, note=words["blurred"])
    plain = Figure.rate("judge right on true renders", ceiling.truth, contents[:num], note=words["plain"])
    # of other pictures than the examples, so that no other result can be paired with them
    return [plain, replace(blurred, hits="")]


def energy_figure(generated: Images, real: Images) -> Figure:
    """How far the pictures are from real ones as a set, beside what two halves of the real ones are apart."""
    half = len(real) // 2
    if half < 2:
        return Figure("energy distance", None, note="needs at least four pictures", percent=False)
    return Figure(
        "energy distance",
        float(image_energy_distance(generated, real)),
        len(generated),
        ceiling=float(image_energy_distance(real[:half], real[half:])),
        note="of pixels, lower is better; ceiling: two halves of the real pictures",
        percent=False,
    )


def _alike(counts: Counter[str]) -> list[tuple[int, list[str]]]:
    """Sentences that come equally often, in parts of about `PICTURES_AT_ONCE` pictures."""
    parts = []
    for number in sorted(set(counts.values())):
        alike, step = [s for s, c in counts.items() if c == number], max(1, PICTURES_AT_ONCE // number)
        parts += [(number, alike[i : i + step]) for i in range(0, len(alike), step)]
    return parts


def _generate_times(
    generator: ImageGenerator, sentences: list[str], number: int, seed: int
) -> list[tuple[str, Images]]:
    images = generator.sample(sentences, num_images=number, seed=seed)
    return list(zip(sentences, images.split(number), strict=True))


def true_renders(held_out: HeldOut, judge: Judge, track: Track) -> Judged:
    """What the judge reads in the held-out pictures themselves, the first ones of very many."""
    num = min(len(held_out), MOST_CHECKS)
    return judged(judge, held_out.images[:num], held_out.meanings()[:num], track, "judging true renders")


def brought_to(images: Images, size: int) -> Images:
    """The pictures at `size` pixels a side."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True).clamp(-1, 1)


def _examples(generated: GeneratedImages) -> list[Example]:
    """The first ones, and the first failures after them."""
    places = shown_places(generated.judged.truth if generated.judged else [True] * len(generated.images))
    pictures = zip(places, to_pil(generated.images[places]), certificates(generated, places), strict=True)
    return [
        Example(i, picture, generated.sentences[i], verdicts=_verdict(generated, i), second_picture=read)
        for i, picture, read in pictures
    ]


def certificates(generated: GeneratedImages, places: Sequence[int]) -> Sequence[Image.Image | None]:
    """What the judge read in each picture, generated again: anyone can see whether it read well."""
    if generated.judged is None:
        return [None] * len(places)
    scenes = [generated.judged.readings[place].scene for place in places]
    return to_pil(render(scenes)) if scenes else []


def _verdict(generated: GeneratedImages, index: int) -> tuple[tuple[str, bool], ...]:
    if generated.judged is None:
        return ()
    return ((generated.judged.reason(index), generated.judged.truth[index]),)


def shown_places(good: list[bool]) -> list[int]:
    """Which examples a report shows: the first ones, and the first failures after them."""
    first = list(range(min(FIRST_EXAMPLES, len(good))))
    return first + [i for i in range(len(first), len(good)) if not good[i]][:MORE_FAILURES]
