"""CLIPScore of captions, with a CLIP that lies on this machine; RefCLIPScore beside it."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.context import Context
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import CONTENTS, RESAMPLING_SEED, Evaluation, Figure
from diptych.evaluation.scene_accuracy import rotated
from diptych.metrics.captions.clip_score import PREFIX, clip_scores, ref_clip_scores
from diptych.metrics.statistics import Interval
from diptych.metrics.statistics.clusters import BOOTSTRAP, bootstrap_bounds, by_cluster
from diptych.metrics.weights_digest import weights_digest
from diptych.models.clip import Clip
from diptych.models.text_encoders.pretrained.source import PACKAGE
from diptych.runs.capabilities import CaptionsImages

LEAST_CONTENTS = 10
NOTE = (
    "CLIPScore: 2.5 max(cos, 0) of image and caption; RefCLIPScore: its harmonic mean with the highest cosine of the "
    "caption and a reference. Both depend on the CLIP. Chance: the next image's caption. Reference: the first "
    "reference, for RefCLIPScore against the others."
)


class ClipScore(Benchmark):
    """How near captions are to their images, as a CLIP sees both."""

    kind, title = "clip_score", "CLIPScore"
    needs = "a captioner"
    options = ("clip", "beam", "captioning")

    def applies(self, context: Context) -> bool:
        return isinstance(context.subject, CaptionsImages) and context.request.clip is not None

    def refusal(self, context: Context) -> str:
        folder = str(context.request.clip)
        if folder.startswith(PACKAGE) or Path(folder).expanduser().is_dir():
            return ""
        return f"clip={folder}: there is no such folder; name one that `save_pretrained` of a CLIP has written"

    def measure(self, context: Context) -> Evaluation:
        held_out, contents = context.held_out, context.held_out.contents_of_pictures
        clip = Clip(str(context.request.clip)).to("cuda" if torch.cuda.is_available() else "cpu")
        seen = _Seen(clip, held_out)
        texts = [caption.text for caption in context.captions]
        own, chance = seen.scores(texts), seen.scores(rotated(texts))
        people = seen.scores(held_out.sentences, without_first=True)
        names = {"clip_score": "CLIPScore", "ref_clip_score": "RefCLIPScore"}
        figures = [_mean(key, name, own[key], chance[key], people.get(key), contents) for key, name in names.items()]
        protocol = {
            **context.request.caption_protocol,
            "clip": {"weights": weights_digest(clip.state_dict()), "size": clip.size, "images": held_out.image_size},
        }
        return Evaluation.of(
            self, {**context.protocol, **protocol}, figures, notes=(NOTE,), headline=tuple(names), clusters=contents
        )


class _Seen:
    """The held-out images and references as vectors, made once."""

    def __init__(self, clip: Clip, held_out: HeldOut) -> None:
        self.clip = clip
        self.images = clip.image_vectors(held_out.images)
        sizes = list(map(len, held_out.references))
        every = self._vectors([text for texts in held_out.references for text in texts])
        ends = list(accumulate(sizes))
        self.references = [every[end - size : end] for size, end in zip(sizes, ends, strict=True)]

    def scores(self, texts: Sequence[str], without_first: bool = False) -> dict[str, Float[Tensor, " captions"]]:
        """Both scores of a sentence of each image; none against references where an image has no other ones."""
        vectors = self._vectors(texts)
        scores = clip_scores(self.images, vectors)
        references = [own[1:] if without_first else own for own in self.references]
        if not all(map(len, references)):
            return {"clip_score": scores}
        return {"clip_score": scores, "ref_clip_score": ref_clip_scores(scores, vectors, references)}

    def _vectors(self, texts: Sequence[str]) -> Float[Tensor, "texts dim"]:
        return self.clip.sentence_vectors([PREFIX + text for text in texts])


def _mean(key: str, name: str, own: Tensor, chance: Tensor, people: Tensor | None, contents: Sequence[str]) -> Figure:
    ends = {"chance": float(chance.mean()), "reference": None if people is None else float(people.mean())}
    interval = _interval(own.double().numpy(), contents)
    return Figure.of(key, float(own.mean()), len(own), interval, name=name, percent=False, **ends)


def _interval(values: Float[np.ndarray, " captions"], contents: Sequence[str]) -> Interval | None:
    """Of the mean, by resampling contents; None of so few that this says little."""
    totals, sizes = by_cluster(values, contents)
    if len(sizes) < LEAST_CONTENTS:
        return None
    low, high = bootstrap_bounds(totals, sizes, np.random.default_rng(RESAMPLING_SEED))
    return Interval(float(low), float(high), CONTENTS, BOOTSTRAP, len(sizes))
