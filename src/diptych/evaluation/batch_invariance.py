"""Whether it matters how many pictures are generated, or told of, at once: it should not, but for rounding."""

from collections.abc import Sequence

import torch

from diptych.evaluation.generation.generated import GeneratedImages, brought_to
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import Figure
from diptych.evaluation.scene_accuracy import judged, silently
from diptych.runs.load import ImageCaptioner, ImageGenerator
from diptych.systems.captioning.system import Caption

OTHER_SIZE, MOST = 7, 128


def image_invariance(generator: ImageGenerator, generated: GeneratedImages, held_out: HeldOut, seed: int) -> Figure:
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
    return Figure.rate(f"same verdict in batches of {OTHER_SIZE}", same, sentences, note=note)


def caption_invariance(captioner: ImageCaptioner, captions: Sequence[Caption], held_out: HeldOut, beam: int) -> Figure:
    """The first pictures told of again, a few at a time; the captions should be the same."""
    parts = held_out.images[:MOST].split(OTHER_SIZE)
    again = [caption.text for part in parts for caption in captioner.captions(list(part), beam=beam)]
    same = [caption.text == text for caption, text in zip(captions[:MOST], again, strict=True)]
    note = f"{same.count(False)} of {len(same)} captions changed"
    return Figure.rate(f"same caption in batches of {OTHER_SIZE}", same, note=note)
