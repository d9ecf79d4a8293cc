"""Retrieval: whether a captioner that was trained apart finds the sentence that an image was generated from.

For data whose truth nobody can say exactly; where a judge can, it says more.
"""

from statistics import fmean

import numpy as np
import torch

from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.context import Context
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.refusals import why_no_sentences, why_not_apart
from diptych.evaluation.results import CONTENTS, RESAMPLING_SEED, Evaluation, Figure
from diptych.metrics.retrieval import r_precision
from diptych.metrics.statistics import cluster_interval
from diptych.runs.capabilities import GeneratesImages, ScoresSentences
from diptych.text.tokenizers import plain
from diptych.types import Images

CANDIDATES, MOST_BLOCKS = 100, 3
"""Sentences that an image is held against, and how many times so many images are taken: each costs a caption's pass."""
IMAGES_AT_ONCE = 4
NOTE = (
    "R-precision: of {num} sentences, the images' own is the one that the captioner finds likeliest, relative to how "
    "likely it is for all {num} images. Chance: 1 in {num}. Reference: the real images."
)


class Retrieval(Benchmark):
    """R-precision by a captioner (Xu et al. 2018, arXiv:1711.10485)."""

    kind, title = "retrieval", "Retrieval"
    needs = "a generator of sentences on data without a world, with a captioner (--with)"
    options = ("partners", "sampling")

    def applies(self, context: Context) -> bool:
        generator, captioner = context.subject, context.partner
        if not isinstance(generator, GeneratesImages) or not isinstance(captioner, ScoresSentences):
            return False
        return context.held_out.world is None

    def refusal(self, context: Context) -> str:
        return why_no_sentences(context)

    def measure(self, context: Context) -> Evaluation:
        held_out, captioner = context.held_out, context.partner
        assert isinstance(captioner, ScoresSentences)
        generated, real = (
            _retrieved(captioner, images, held_out) for images in (context.generated.images, held_out.images)
        )
        num = _candidates(held_out)
        contents = held_out.contents_of_pictures[: len(generated)]
        interval = cluster_interval(generated, contents, np.random.default_rng(RESAMPLING_SEED), CONTENTS)
        figure = Figure.of(
            "r_precision",
            fmean(generated),
            len(generated),
            interval,
            chance=1 / num,
            reference=fmean(real),
            name="R-precision",
            note=f"of {num} sentences",
        )
        return Evaluation.of(
            self,
            {**context.protocol, "candidates": num},
            [figure],
            notes=(NOTE.format(num=num),),
            alert=why_not_apart(context),
        )


def _candidates(held_out: HeldOut) -> int:
    return min(CANDIDATES, len(held_out))


def _retrieved(captioner: ScoresSentences, images: Images, held_out: HeldOut) -> list[float]:
    """Of each image of whole blocks, whether its own sentence is ranked first."""
    num = _candidates(held_out)
    blocks = min(MOST_BLOCKS, len(images) // num)
    return [
        hit
        for start in range(0, blocks * num, num)
        for hit in _of_block(captioner, images, held_out, range(start, start + num))
    ]


def _of_block(captioner: ScoresSentences, images: Images, held_out: HeldOut, places: range) -> list[float]:
    sentences = [held_out.sentences[place] for place in places]
    parts = images[places.start : places.stop].split(IMAGES_AT_ONCE)
    log_probs = -torch.cat([captioner.sentence_nats(list(part), sentences) for part in parts])
    references = [{plain(text) for text in held_out.references[place]} for place in places]
    others = torch.tensor([[plain(text) not in own for text in sentences] for own in references])
    return r_precision(log_probs, others).tolist()
