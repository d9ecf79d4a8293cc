"""The images that a generator is evaluated by: one of each held-out sentence, and what the judge reads in them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image

from diptych.callbacks.grids import to_pil
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.progress import silently
from diptych.evaluation.scene_accuracy import PICTURES_AT_ONCE, Judged, judged
from diptych.runs.capabilities import GeneratesImages
from diptych.types import Images, Track
from diptych.world import Judge, render

MOST_CHECKS = 1000
FIRST_EXAMPLES, MORE_FAILURES = 24, 12


@dataclass(frozen=True)
class GeneratedImages:
    """Pictures, the sentences they were generated from, and what the judge says, or why there is nothing to judge."""

    images: Images
    sentences: Sequence[str]
    judged: Judged | None
    unjudged: str = ""


def generate_held_out(generator: GeneratesImages, held_out: HeldOut, *, seed: int, track: Track) -> GeneratedImages:
    """One picture a sentence. A sentence that comes again is generated from other noise."""
    sentences = held_out.sentences
    images = brought_to(generate_each(generator, sentences, seed, track), held_out.spec.image_size)
    if not generator.takes_sentences:
        return GeneratedImages(
            images, [""] * len(images), None, "this generator takes no sentences, so it has nothing to be true to"
        )
    if held_out.world is None:
        return GeneratedImages(images, sentences, None, f"{held_out.name} has no scenes to check exactly")
    judge = Judge(held_out.world)
    return GeneratedImages(
        images, sentences, judged(judge, images, held_out.meanings(), track, "judging generated images")
    )


def generate_each(
    generator: GeneratesImages,
    sentences: list[str],
    seed: int,
    track: Track = silently,
    description: str = "generating",
) -> Images:
    """One picture for each entry, in order."""
    if not generator.takes_sentences:
        return generator.sample((), num_images=len(sentences), seed=seed)
    parts = _alike(Counter(sentences))
    pictures = {
        sentence: iter(images)
        for number, part in track(parts, description=description, total=len(parts))
        for sentence, images in _generate_times(generator, part, number, seed)
    }
    return torch.stack([next(pictures[sentence]) for sentence in sentences])


def _alike(counts: Counter[str]) -> list[tuple[int, list[str]]]:
    """Sentences that come equally often, in parts of about `PICTURES_AT_ONCE` pictures."""
    parts = []
    for number in sorted(set(counts.values())):
        alike, step = [s for s, c in counts.items() if c == number], max(1, PICTURES_AT_ONCE // number)
        parts += [(number, alike[i : i + step]) for i in range(0, len(alike), step)]
    return parts


def _generate_times(
    generator: GeneratesImages, sentences: list[str], number: int, seed: int
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


def certificates(generated: GeneratedImages, places: Sequence[int]) -> Sequence[Image.Image | None]:
    """What the judge read in each picture, generated again: anyone can see whether it read well."""
    if generated.judged is None:
        return [None] * len(places)
    scenes = [generated.judged.readings[place].scene for place in places]
    return to_pil(render(scenes)) if scenes else []


def shown_places(good: list[bool]) -> list[int]:
    """Which examples a report shows: the first ones, and the first failures after them."""
    first = list(range(min(FIRST_EXAMPLES, len(good))))
    return first + [i for i in range(len(first), len(good)) if not good[i]][:MORE_FAILURES]
