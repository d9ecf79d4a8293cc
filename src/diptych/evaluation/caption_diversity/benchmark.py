"""Exactness and diversity: several captions of each image at each temperature, of any captioner that samples.

A captioner of words draws words; a variational one draws latents and takes the likeliest words; one of rules draws
among its templates. All are measured alike.
"""

from collections.abc import Iterator
from itertools import chain

from diptych.config.errors import UserError
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.caption_diversity.measures import Samples, measure_for
from diptych.evaluation.context import Context
from diptych.evaluation.results import Evaluation, Figure
from diptych.runs.capabilities import SamplesCaptions, TakesCaptionOptions, TellsLatents
from diptych.systems.caption_vae.system import COLLAPSE, LEAST_NATS

NOTE = (
    "Each caption is drawn anew. Distinct true captions: the different ones among an image's captions that are exactly "
    "true, as a share of all its captions; reference: of as many of the data's own sentences."
)
NEAR_NOTE = (
    "Each caption is drawn anew. Distinct-2 and self-BLEU are of the captions of one image, averaged over images."
)


class CaptionDiversity(Benchmark):
    """A curve of exactness against diversity, a point a temperature."""

    kind, title = "caption_diversity", "Exactness and diversity"
    needs = "a captioner, with --diversity"
    options = ("diversity", "captioning")

    def applies(self, context: Context) -> bool:
        captioner = context.subject
        samples = isinstance(captioner, SamplesCaptions) and captioner.samples_captions
        return samples and context.request.diversity is not None

    def refusal(self, context: Context) -> str:
        captioner, request = context.subject, context.request
        assert request.diversity is not None
        if not isinstance(captioner, TakesCaptionOptions):
            return ""
        for temperature in request.diversity.temperatures:
            try:
                captioner.caption_options(temperature=float(temperature), **request.drawing_options)
            except UserError as error:
                return f"--diversity, at a temperature of {temperature:g}: {error}"
        return ""

    def measure(self, context: Context) -> Evaluation:
        request, measure = context.request.diversity, measure_for(context.held_out)
        assert request is not None
        curves = [
            list(measure.figures(_samples(context, temperature), temperature=temperature))
            for temperature in request.temperatures
        ]
        best = max(curves, key=lambda figures: figures[measure.best_by].value or 0.0)
        protocol = {
            **context.protocol,
            **context.request.drawing_options,
            "num_samples": request.num_samples,
            "temperatures": list(request.temperatures),
        }
        return Evaluation.of(
            self,
            protocol,
            [*chain.from_iterable(curves), *_of_latents(context)],
            headline=tuple(figure.key for figure in best[:2]),
            notes=(NOTE if context.held_out.has_exact_truth else NEAR_NOTE,),
        )


def _samples(context: Context, temperature: float) -> Samples:
    """So many captions of every image; the seeds are the request's and those that follow it."""
    captioner, request = context.subject, context.request
    assert isinstance(captioner, SamplesCaptions)
    assert request.diversity is not None
    pictures, number = list(context.held_out.images), request.diversity.num_samples
    drawn = (
        caption.text
        for sample in range(number)
        for caption in captioner.sampled_captions(
            pictures, seed=number * request.seed + sample, temperature=temperature, **request.drawing_options
        )
    )
    described = f"captions at temperature {temperature:g}"
    texts = list(context.track(drawn, description=described, total=number * len(pictures)))
    return [texts[start : start + len(pictures)] for start in range(0, len(texts), len(pictures))]


def _of_latents(context: Context) -> Iterator[Figure]:
    """What the latents say, of captioners that have them, and whether they say anything."""
    captioner, held_out = context.subject, context.held_out
    if not isinstance(captioner, TellsLatents):
        return
    nats, active = captioner.latents_told(list(held_out.images), held_out.sentences)
    finding = COLLAPSE.format(nats=nats) if nats < LEAST_NATS else ""
    note = "a caption: what the latents say of it beyond its image"
    yield Figure("latent_nats", nats, len(held_out), note=note, percent=False, finding=finding)
    yield Figure("active_latents", float(active), len(held_out), note="that differ between captions", percent=False)
