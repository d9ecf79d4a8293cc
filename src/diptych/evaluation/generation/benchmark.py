"""Generation: an image of each held-out sentence, how many show what theirs says, and how far the set is from real."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from diptych.callbacks.grids import to_pil
from diptych.config.errors import UserError
from diptych.evaluation.batch_invariance import image_invariance
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.context import Context
from diptych.evaluation.generation.generated import GeneratedImages, certificates, shown_places, true_renders
from diptych.evaluation.generation.image_sets import compared_sets
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import Evaluation, Example, Figure, Layout
from diptych.evaluation.scene_accuracy import IMAGE_RATES, Judged, rates
from diptych.metrics.energy import image_energy_distance
from diptych.runs.capabilities import GeneratesImages
from diptych.types import Images
from diptych.world import canonical, judge_fresh

MILD_BLUR = 0.6
NOTE = "Chance: each image held against another one's sentence. Reference: true renders under the same judge."
UNJUDGED = "The images as they came. Nobody can say exactly which of them are right; see the notes in the table."


class Generation(Benchmark):
    """The main table of a generator."""

    kind, title, layout = "generation", "Generation", Layout.GENERATION
    lead = (
        "Each image was generated from the sentence below it. The verdict is the judge's, which compares the image "
        "with rendered hypotheses and knows nothing of the sentence."
    )
    needs = "a generator"
    options = ("features", "force", "against", "sampling")

    def applies(self, context: Context) -> bool:
        return isinstance(context.subject, GeneratesImages)

    def refusal(self, context: Context) -> str:
        """A feature network or real images that cannot be had are refused before anything is generated."""
        try:
            _ = context.network, context.real_set
        except UserError as error:
            return str(error)
        return ""

    def measure(self, context: Context) -> Evaluation:
        generated, held_out = context.generated, context.held_out
        figures = _unjudged(generated, held_out) if generated.judged is None else _judged(context, generated.judged)
        sets = compared_sets(
            generated.images if context.real_set is None else context.generated_as_many,
            held_out,
            context.network,
            seed=context.request.seed,
            force=context.request.force,
            real=context.real_set,
            track=context.track,
        )
        examples = _examples(generated)
        rest = {"examples": examples, "alert": sets.alert or _of_training(context)}
        if generated.judged is None:
            rest |= {"notes": sets.notes, "lead": UNJUDGED}
        else:
            rest |= {"notes": (NOTE, *sets.notes), "reasons": generated.judged.reasons()}
            rest["clusters"] = held_out.contents
        return Evaluation.of(self, context.protocol, [*figures, *sets.figures], **rest)


def _of_training(context: Context) -> str:
    """What the run's last validation said of images that are all alike; these examples may be too few to show it."""
    collapse = context.subject.run.read_collapse()
    return f"{collapse} (at its last validation)" if collapse else ""


def _unjudged(generated: GeneratedImages, held_out: HeldOut) -> list[Figure]:
    return [Figure("scene_accuracy", None, note=generated.unjudged), energy_figure(generated.images, held_out.images)]


def _judged(context: Context, found: Judged) -> Iterator[Figure]:
    """All that the judge says, and the pixels' distance."""
    held_out, generator, seed = context.held_out, context.subject, context.request.seed
    assert isinstance(generator, GeneratesImages)
    reference, contents = true_renders(held_out, found.judge, context.track), held_out.contents
    yield from rates(IMAGE_RATES, found.scores, found.shuffled().scores, reference.scores, contents)
    yield from _legibility(found, contents)
    yield from judge_figures(reference, contents, seed)
    yield energy_figure(context.generated.images, held_out.images)
    yield image_invariance(generator, context.generated, held_out, seed)


def _legibility(found: Judged, contents: Sequence[str]) -> list[Figure]:
    """The other axis: how well pictures can be read, and what is true of the reading whatever its quality."""
    readings = found.readings
    return [
        Figure.rate("legible", [reading.is_legible for reading in readings], contents),
        Figure.rate("clean", [reading.legibility == "clean" for reading in readings], contents),
        Figure.rate("certain", [r.is_legible and not r.is_ambiguous for r in readings], contents),
        Figure.rate("read_as_asked", found.matches, contents, name="read as asked, legible or not"),
    ]


def judge_figures(reference: Judged, contents: Sequence[str], seed: int) -> list[Figure]:
    """How often the judge itself is right about true renders of the same world; `contents` are the held-out ones."""
    num, spec = len(reference.readings), reference.judge.spec
    scenes, right = judge_fresh(spec, num, seed, MILD_BLUR)
    fresh = [" ".join(canonical(scene)) for scene in scenes]
    words = {"plain": "held-out scenes, rendered", "blurred": "fresh scenes, rendered and mildly blurred"}
    blurred = Figure.rate(
        "judge_accuracy_blurred", right, fresh, name=f"judge accuracy, blur {MILD_BLUR} px", note=words["blurred"]
    )
    plain = Figure.rate("judge_accuracy", reference.truth, contents[:num], note=words["plain"])
    # of other pictures than the examples, so that no other result can be paired with them
    return [plain, replace(blurred, hits="")]


def energy_figure(generated: Images, real: Images) -> Figure:
    """How far the images are from real ones as a set, beside what two halves of the real ones are apart."""
    half = len(real) // 2
    if half < 2:
        return Figure("energy_distance", None, note="needs at least four images", percent=False)
    return Figure(
        "energy_distance",
        float(image_energy_distance(generated, real)),
        len(generated),
        reference=float(image_energy_distance(real[:half], real[half:])),
        note="of pixels, lower is better; reference: two halves of the real images",
        percent=False,
    )


def _examples(generated: GeneratedImages) -> list[Example]:
    """The first ones, and the first failures after them."""
    places = shown_places(generated.judged.truth if generated.judged else [True] * len(generated.images))
    pictures = zip(places, to_pil(generated.images[places]), certificates(generated, places), strict=True)
    return [
        Example(i, picture, generated.sentences[i], verdicts=_verdict(generated, i), second_picture=read)
        for i, picture, read in pictures
    ]


def _verdict(generated: GeneratedImages, index: int) -> tuple[tuple[str, bool], ...]:
    if generated.judged is None:
        return ()
    return ((generated.judged.reason(index), generated.judged.truth[index]),)
