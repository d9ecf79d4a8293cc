"""R-precision of generated images by an embedding that was trained apart (Xu et al. 2018, arXiv:1711.10485)."""

from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.context import Context
from diptych.evaluation.refusals import why_no_sentences, why_not_apart
from diptych.evaluation.results import Evaluation
from diptych.evaluation.retrieval.embedding import compared
from diptych.evaluation.retrieval.ranking import NUM_DISTRACTORS, precision, precision_figure
from diptych.runs.capabilities import EmbedsPairs, GeneratesImages

NOTE = (
    "R-precision: the sentence that an image was generated from lies nearer to it than {num} sentences that are wrong "
    "of its scene. Reference: the real images. An embedding that the generator learned from says nothing of it."
)


class RPrecision(Benchmark):
    """Whether an embedding finds the sentence that an image was generated from."""

    kind, title = "r_precision", "R-precision"
    needs = "a generator of sentences with an embedding (--with)"
    options = ("partners", "sampling")

    def applies(self, context: Context) -> bool:
        return isinstance(context.subject, GeneratesImages) and isinstance(context.partner, EmbedsPairs)

    def refusal(self, context: Context) -> str:
        return why_no_sentences(context)

    def measure(self, context: Context) -> Evaluation:
        held_out, embedder, seed = context.held_out, context.partner, context.request.seed
        assert isinstance(embedder, EmbedsPairs)
        real, true = compared(embedder, held_out)
        made = embedder.image_vectors(list(context.generated.images)) @ embedder.sentence_vectors(held_out.sentences).T
        figure = precision_figure(made, true, held_out, seed=seed, reference=precision(real, true, held_out, seed=seed))
        return Evaluation.of(
            self,
            {**context.protocol, "distractors": NUM_DISTRACTORS},
            [figure],
            notes=(NOTE.format(num=NUM_DISTRACTORS),),
            alert="; ".join(filter(None, (why_not_apart(context), _unknown(embedder, held_out.sentences)))),
            clusters=held_out.contents_of_pictures,
        )


def _unknown(embedder: EmbedsPairs, sentences: list[str]) -> str:
    """That the embedding does not know all words."""
    words = embedder.unknown_words(sentences)
    if not words:
        return ""
    shown = ", ".join(words[:5]) + (", …" if len(words) > 5 else "")
    return f"unknown words: the embedding never saw {len(words)} of them ({shown}), and reads each as the same one"
