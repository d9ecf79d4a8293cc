"""Class accuracy: whether a classifier finds in generated images the labels that their sentences name, and no others.

The classifier is trained apart from the generator, on data with the same labels. Every different sentence of the
held-out images is asked for, equally often, and the images of one sentence are compared with one another: a generator
that draws one image a sentence is right and knows nothing of variety.
"""

from collections import Counter
from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from diptych.callbacks.grids import to_pil
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.classification.benchmark import found_in
from diptych.evaluation.context import Context
from diptych.evaluation.generation.generated import shown_places
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.refusals import why_no_sentences
from diptych.evaluation.results import Evaluation, Example, Figure, Layout
from diptych.runs.capabilities import ClassifiesImages, GeneratesImages
from diptych.types import Images

Labels = Bool[Tensor, "images labels"]
NOTE = (
    "Every sentence is asked for equally often. Chance: what is found in each image, held against every sentence. "
    "Reference: the classifier on real images. Diversity: the spread of pixels between the images of one sentence, "
    "relative to that between real images with the same labels."
)


class ClassAccuracy(Benchmark):
    """How often a generator's images are classified as their sentences say, and how much those of a sentence differ."""

    kind, title, layout = "class_accuracy", "Class accuracy", Layout.LABELS
    lead = "The labels found in each generated image, beside those that its sentence names."
    needs = "a generator with a classifier (--with), on data with labels and without scenes"
    options = ("partners", "sampling")

    def applies(self, context: Context) -> bool:
        if not isinstance(context.subject, GeneratesImages) or not isinstance(context.partner, ClassifiesImages):
            return False
        return context.held_out.labels is not None and context.held_out.world is None

    def refusal(self, context: Context) -> str:
        """A classifier of other labels cannot find these."""
        assert isinstance(context.partner, ClassifiesImages)
        if reason := why_no_sentences(context):
            return reason
        if tuple(context.held_out.spec.labels) == context.partner.labels:
            return ""
        return (
            f"{context.partner.run.run_id} finds other labels than those of {context.held_out.name}: name a classifier "
            "of the same data"
        )

    def measure(self, context: Context) -> Evaluation:
        generator, classifier, held_out = context.subject, context.partner, context.held_out
        assert isinstance(generator, GeneratesImages)
        assert isinstance(classifier, ClassifiesImages)
        assert held_out.labels is not None
        sentences, asked = _asked(held_out, context.request.num)
        copies = -(-context.request.num // len(sentences))
        images = generator.sample(sentences, num_images=copies, seed=context.request.seed)
        said, held = [text for text in sentences for _ in range(copies)], asked.repeat_interleave(copies, dim=0)
        found = found_in(classifier, images, context.track, "classifying generated images")
        real = found_in(classifier, held_out.images, context.track, "classifying real images")
        right = (found == held).all(dim=1).tolist()
        accuracy = Figure.rate(
            "class_accuracy",
            right,
            said,
            chance=_by_chance(found, asked),
            reference=float((real == held_out.labels).all(dim=1).float().mean()),
        )
        return Evaluation.of(
            self,
            {**context.protocol, "sentences": len(sentences), "images_per_sentence": copies},
            [accuracy, _diversity(images, asked, copies, held_out)],
            notes=(NOTE,),
            examples=_examples(images, said, found, classifier.labels, right),
            clusters=said,
        )


def _asked(held_out: HeldOut, most: int) -> tuple[list[str], Labels]:
    """Every different sentence of the held-out images, evenly thinned out to `most`, and the labels of its image."""
    assert held_out.labels is not None
    rows = {text: row for texts, row in zip(held_out.references, held_out.labels, strict=True) for text in texts}
    texts = sorted(rows)
    step = max(1, -(-len(texts) // most))
    return texts[::step], torch.stack([rows[text] for text in texts[::step]])


def _by_chance(found: Labels, asked: Labels) -> float:
    """The share of all pairs of an image and a sentence whose labels are the same."""
    images, sentences = (Counter(map(tuple, rows.tolist())) for rows in (found, asked))
    return sum(images[row] * sentences[row] for row in images) / (len(found) * len(asked))


def _diversity(images: Images, asked: Labels, copies: int, held_out: HeldOut) -> Figure:
    """Root mean square over pixels and sentences of the standard deviation, beside that of real images."""
    key, name = "diversity_within_sentence", "diversity within a sentence"
    assert held_out.labels is not None
    alike = [held_out.images[(held_out.labels == row).all(dim=1)] for row in asked]
    counted = [i for i, real in enumerate(alike) if len(real) > 1]
    if copies < 2 or not counted:
        return Figure(key, None, name=name, note="takes two images of a sentence, generated and real (--num)")
    made, real = (
        sum(float(group.var(dim=0).mean()) for group in groups)
        for groups in ([images.unflatten(0, (-1, copies))[i] for i in counted], [alike[i] for i in counted])
    )
    if not real:
        return Figure(key, None, name=name, note="real images with the same labels do not differ")
    return Figure(key, (made / real) ** 0.5, len(counted) * copies, name=name, chance=0.0, reference=1.0)


def _examples(
    images: Images, said: Sequence[str], found: Labels, labels: Sequence[str], right: list[bool]
) -> list[Example]:
    """The first images, and the first failures after them."""
    names = [
        ", ".join(label for label, is_found in zip(labels, row, strict=True) if is_found) for row in found.tolist()
    ]
    places = shown_places(right)
    return [
        Example(i, picture, said[i], names[i], (("right" if right[i] else "otherwise", right[i]),))
        for i, picture in zip(places, to_pil(images[places]), strict=True)
    ]
