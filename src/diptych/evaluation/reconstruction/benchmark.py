"""Reconstruction: held-out images, made again from their latents or codes."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.callbacks.grids import to_pil
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.context import Context
from diptych.evaluation.generation.features import look, protocol_of
from diptych.evaluation.generation.generated import brought_to, shown_places
from diptych.evaluation.results import PICTURES, Evaluation, Example, Figure, Layout
from diptych.evaluation.scene_accuracy import Judged, judged
from diptych.metrics.pictures.pairs import psnr, ssim
from diptych.metrics.statistics import student_t_interval
from diptych.runs.capabilities import ReconstructsImages
from diptych.systems.autoencoding.quality import MOST_PSNR
from diptych.types import Images
from diptych.world import Judge

AT_ONCE = 256
NOTE = (
    "Scene accuracy: the judge reads in the image made again what is said of the original. Perceptual distance: "
    "squared distance of feature vectors, 1 for two images that have nothing to do with one another. Chance: each "
    "image against the next original. Reference: the originals themselves."
)


class Reconstruction(Benchmark):
    """Pixels, structure, features, and on scenes whether what is shown stays true."""

    kind, title, layout = "reconstruction", "Reconstruction", Layout.RECONSTRUCTION
    lead = "Held-out images, made again from what the run keeps of them."
    needs = "a run that makes images again"

    def applies(self, context: Context) -> bool:
        return isinstance(context.subject, ReconstructsImages) and context.subject.reconstructs

    def measure(self, context: Context) -> Evaluation:
        held_out = context.held_out
        made = _made_again(context)
        truth = _truth(context, made)
        figures = [*_of_scenes(context, truth), *_of_pixels(made, held_out.images), _of_features(context, made)]
        return Evaluation.of(
            self,
            {**context.protocol, "features": protocol_of(context.network)},
            figures,
            notes=(NOTE,),
            reasons=truth.reasons() if truth else {},
            examples=_examples(held_out.images, made, held_out.sentences, truth),
            clusters=held_out.contents if truth else (),
        )


def _made_again(context: Context) -> Images:
    held_out, run = context.held_out, context.subject
    assert isinstance(run, ReconstructsImages)
    pictures = list(held_out.images)
    made = context.track(
        run.reconstructions(pictures, held_out.sentences), description="making images again", total=len(pictures)
    )
    return brought_to(torch.stack(list(made)).cpu(), held_out.image_size)


def _truth(context: Context, made: Images) -> Judged | None:
    world = context.held_out.world
    if world is None:
        return None
    return judged(Judge(world), made, context.held_out.meanings(), context.track, "judging images made again")


def _of_scenes(context: Context, truth: Judged | None) -> list[Figure]:
    """How many still show what was said of the originals."""
    held_out = context.held_out
    if truth is None:
        return [Figure("scene_accuracy", None, note=f"{held_out.name} has no scenes to check exactly")]
    reference = judged(truth.judge, held_out.images, held_out.meanings(), context.track, "judging true renders")
    return [
        Figure.rate(
            "scene_accuracy",
            truth.truth,
            held_out.contents,
            chance=_share(truth.shuffled().truth),
            reference=_share(reference.truth),
        )
    ]


def _of_pixels(made: Images, images: Images) -> list[Figure]:
    others = images.roll(-1, dims=0)
    near, far = (_by_parts(lambda a, b: psnr(a, b).clamp(max=MOST_PSNR), made, other) for other in (images, others))
    alike, unlike = (_by_parts(ssim, made, other) for other in (images, others))
    return [
        _mean_figure("psnr", near, far, name="PSNR, dB"),
        _mean_figure("ssim", alike, unlike, name="SSIM", reference=1.0),
    ]


def _by_parts(measure: Callable[[Images, Images], Tensor], made: Images, images: Images) -> Float[Tensor, " pictures"]:
    """One value a pair, of some pairs at a time: structure takes far more memory than images do."""
    parts = zip(made.split(AT_ONCE), images.split(AT_ONCE), strict=True)
    return torch.cat([measure(*pair) for pair in parts])


def _of_features(context: Context, made: Images) -> Figure:
    """Relative to the distance of images that have nothing to do with one another."""
    pairs = {"features of images made again": made, "features of originals": context.held_out.images}
    found, true = (look(context.network, some, track=context.track, description=said) for said, some in pairs.items())
    unrelated = _squared(true, true.roll(-1, dims=0)).mean().clamp_min(1e-12)
    distance, by_chance = (_squared(found, other) / unrelated for other in (true, true.roll(-1, dims=0)))
    return _mean_figure("perceptual_distance", distance, by_chance, reference=0.0)


def _mean_figure(
    key: str, values: Tensor, by_chance: Tensor, *, name: str = "", reference: float | None = None
) -> Figure:
    interval = student_t_interval(values.tolist(), over=PICTURES) if len(values) > 1 else None
    rest = {"name": name, "chance": float(by_chance.mean()), "reference": reference, "percent": False}
    return Figure.of(key, float(values.mean()), len(values), interval, **rest)


def _squared(found: Tensor, true: Tensor) -> Float[Tensor, " pictures"]:
    return (found - true).square().sum(dim=1)


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)


def _examples(images: Images, made: Images, sentences: Sequence[str], truth: Judged | None) -> list[Example]:
    """The first ones, and the first failures after them."""
    places = shown_places(truth.truth if truth else [True] * len(images))
    pairs = zip(places, to_pil(images[places]), to_pil(made[places]), strict=True)
    return [
        Example(i, picture, sentences[i], verdicts=_verdict(truth, i), second_picture=again)
        for i, picture, again in pairs
    ]


def _verdict(truth: Judged | None, index: int) -> tuple[tuple[str, bool], ...]:
    return () if truth is None else ((truth.reason(index), truth.truth[index]),)
