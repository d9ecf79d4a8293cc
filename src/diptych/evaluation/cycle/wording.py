"""The cycle where nobody can say what is true: how near captions of generated images are to people's, and how likely.

The captioner captions the images that were generated from people's sentences. Its captions are scored against the
references of those sentences, and it says what the sentence itself costs, given the image.
"""

from collections.abc import Iterator, Sequence
from math import exp

from diptych.evaluation.captioning.caption_metrics import HEADLINE as SCORES
from diptych.evaluation.captioning.caption_metrics import SCORE_LABELS
from diptych.evaluation.context import Context
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import CONTENTS, Figure
from diptych.evaluation.scene_accuracy import rotated
from diptych.metrics.captions import References, tokenizer_for
from diptych.metrics.captions.units import is_share
from diptych.runs.capabilities import CaptionsImages, KnowsPerplexity

HEADLINE = tuple(f"cycle_{key}" for key in SCORES)
NOTE = (
    "CIDEr-D and BLEU-4 are of the captions of generated images against the references of the sentence asked for. "
    "Chance: against those of the next sentence. Reference: this captioner's captions of the real images."
)
LEAD = (
    "An image is generated from each sentence and captioned by a captioner. Nobody can say exactly whether the caption "
    "is true; the figures say how near it is to what was asked, beside what the captioner says of the real images."
)


def wording_figures(context: Context, texts: Sequence[str], real_texts: Sequence[str]) -> Iterator[Figure]:
    """CIDEr-D and BLEU-4 of the captions of generated images, and the captioner's perplexity of what was asked."""
    yield from _scores(texts, real_texts, context.held_out, context.request.seed)
    yield _perplexity(context)


def _scores(texts: Sequence[str], real_texts: Sequence[str], held_out: HeldOut, seed: int) -> Iterator[Figure]:
    references = References(dict(enumerate(held_out.references)), tokenizer_for(held_out.spec.languages))
    own, by_chance, real = (references.score(dict(enumerate(t))) for t in (texts, rotated(texts), real_texts))
    values, intervals = own.values(), own.intervals(seed, held_out.contents_of_pictures, CONTENTS)
    chance, reference = by_chance.values(), real.values()
    for key in SCORES:
        ends = {"chance": chance[key], "reference": reference[key]}
        words = {"name": f"{SCORE_LABELS[key]} (text → image → text)", "note": own.undefined.get(key, "")}
        yield Figure.of(f"cycle_{key}", values[key], len(texts), intervals[key], **ends, **words, percent=is_share(key))


def _perplexity(context: Context) -> Figure:
    captioner, held_out = context.partner, context.held_out
    assert isinstance(captioner, CaptionsImages)
    images, sentences = list(context.generated.images), held_out.sentences
    name = "perplexity (text → image → text)"
    if not isinstance(captioner, KnowsPerplexity):
        return Figure("cycle_perplexity", None, name=name, note="rules give no sentence a probability", percent=False)
    own, chance = (exp(captioner.nats_per_token(images, asked)) for asked in (sentences, rotated(sentences)))
    return Figure(
        "cycle_perplexity",
        own,
        len(images),
        chance=chance,
        reference=exp(captioner.nats_per_token(list(held_out.images), sentences)),
        name=name,
        note="of the sentence asked for, given the generated image, lower is better; chance: of the next sentence",
        percent=False,
    )
