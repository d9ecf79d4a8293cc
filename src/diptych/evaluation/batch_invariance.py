"""Whether the batch size matters to what is generated or captioned: it should not, but for rounding."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from diptych.evaluation.generation.generated import GeneratedImages, brought_to
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.progress import silently
from diptych.evaluation.results import Figure
from diptych.evaluation.scene_accuracy import judged
from diptych.runs.capabilities import CaptionsImages, GeneratesImages
from diptych.systems.captioning.captions import Caption

OTHER_SIZE, MOST = 7, 128


def image_invariance(generator: GeneratesImages, generated: GeneratedImages, held_out: HeldOut, seed: int) -> Figure:
    """The first pictures of different sentences generated again, a few at a time; their verdicts should be the same."""
    assert generated.judged is not None
    first = {sentence: place for place, sentence in reversed(list(enumerate(generated.sentences)))}
    places = sorted(first.values())[:MOST]
    sentences, before = [generated.sentences[place] for place in places], generated.judged
    images = brought_to(generator.sample(sentences, seed=seed, batch_size=OTHER_SIZE), held_out.image_size)
    again = judged(before.judge, images, [before.claims[place] for place in places], silently, "")
    same = [before.reason(place) == again.reason(i) for i, place in enumerate(places)]
    furthest = float(torch.dist(images, generated.images[places], p=torch.inf))
    note = f"{same.count(False)} of {len(same)} verdicts changed, pixels in [-1, 1] by at most {furthest:.1e}"
    return _figure(same, sentences, note)


def caption_invariance(
    captioner: CaptionsImages, captions: Sequence[Caption], held_out: HeldOut, options: Mapping[str, Any]
) -> Figure:
    """The first images captioned again, a few at a time; the captions should be the same."""
    parts = held_out.images[:MOST].split(OTHER_SIZE)
    again = [caption.text for part in parts for caption in captioner.captions(list(part), **options)]
    same = [caption.text == text for caption, text in zip(captions[:MOST], again, strict=True)]
    note = f"{same.count(False)} of {len(same)} captions changed"
    return _figure(same, (), note)


def _figure(same: list[bool], clusters: Sequence[str], note: str) -> Figure:
    note = f"in batches of {OTHER_SIZE}: {note}"
    return Figure.rate("batch_invariance", same, clusters, name="batch-size invariance", note=note)
