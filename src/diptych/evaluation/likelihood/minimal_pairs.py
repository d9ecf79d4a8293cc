"""Minimal pairs: a run should prefer a true sentence to one that differs in a single claim and is false.

As in SVO-Probes (Hendricks and Nematzadeh 2021, arXiv:2106.09141) and Winoground (Thrush et al. 2022,
arXiv:2204.03162), on scenes, where the false sentence is false for certain. A captioner prefers what is likelier (the
sum of log-probabilities, <eos> included), an embedding what lies nearer.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean

from PIL import Image

from diptych.callbacks.grids import to_pil
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.context import Context
from diptych.evaluation.generation.generated import shown_places
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.likelihood.pairs import Pairs
from diptych.evaluation.pooled import pooled
from diptych.evaluation.results import Evaluation, Example, Figure, Layout
from diptych.runs.capabilities import ScoresOwnSentences
from diptych.world.alterations import ALTERATIONS, RELATION, SWAP

NAMES = {SWAP: "attribute exchanged between objects", RELATION: "relation reversed"}
COIN = 0.5
NOTE = (
    "A pair is a true sentence and one in the same words but for one claim, which is false. A hit: the run finds the "
    "true one better. Equally good is no hit. Chance: a coin."
)
NONE = "no sentence here can be altered"


class MinimalPairs(Benchmark):
    """Pairs of each kind, for captioners and embeddings on scenes."""

    kind, title, layout = "minimal_pairs", "Minimal pairs", Layout.CAPTIONING
    lead = "Beside each image the sentence that was found best; below it, where it is false, the true one."
    needs = "a captioner or an embedding on scenes"

    def applies(self, context: Context) -> bool:
        return isinstance(context.subject, ScoresOwnSentences) and context.held_out.world is not None

    def measure(self, context: Context) -> Evaluation:
        run, held_out = context.subject, context.held_out
        assert isinstance(run, ScoresOwnSentences)
        pairs = Pairs.of(held_out, run, context.request.seed)
        hits = pairs.preferences(run, held_out, context.track)
        contents = held_out.contents
        figures = [
            pooled("minimal_pairs", [_scores(own) for own in hits], contents, chance=COIN, note=_number(hits)),
            _every(hits, contents),
            *(_of_kind(kind, hits, contents) for kind in ALTERATIONS),
        ]
        protocol = {**context.protocol, "pairs": sum(map(len, hits))}
        examples = _examples(pairs, hits, held_out)
        return Evaluation.of(self, protocol, figures, notes=(NOTE,), examples=examples, clusters=contents)


def _scores(hits: dict[str, bool]) -> list[float]:
    return [float(hit) for hit in hits.values()]


def _number(hits: Sequence[dict[str, bool]]) -> str:
    return f"{sum(map(len, hits)):,} pairs of {sum(map(bool, hits)):,} images"


def _every(hits: Sequence[dict[str, bool]], contents: Sequence[str]) -> Figure:
    """Images of which every pair is right; by chance the true sentence is the best of so many."""
    key, name = "minimal_pairs_every", "every pair of an image"
    numbers = [len(own) for own in hits if own]
    if not numbers:
        return Figure(key, None, name=name, note=NONE)
    all_right = [all(own.values()) if own else None for own in hits]
    chance = fmean(1 / (1 + number) for number in numbers)
    return Figure.rate(key, all_right, contents, name=name, chance=chance, note="chance: the best of so many")


def _of_kind(kind: str, hits: Sequence[dict[str, bool]], contents: Sequence[str]) -> Figure:
    key, name = f"minimal_pairs_{kind}", NAMES.get(kind, f"{kind} replaced")
    if not any(kind in own for own in hits):
        return Figure(key, None, name=name, note=NONE)
    return Figure.rate(key, [own.get(kind) for own in hits], contents, name=name, chance=COIN)


def _examples(pairs: Pairs, hits: Sequence[dict[str, bool]], held_out: HeldOut) -> list[Example]:
    """The first images, and the first failures after them, each with the true sentence or a false one preferred."""
    places = shown_places([all(own.values()) for own in hits])
    return [
        _example(i, picture, pairs.sentences[i], pairs.false[i], hits[i])
        for i, picture in zip(places, to_pil(held_out.images[places]), strict=True)
    ]


def _example(
    index: int, picture: Image.Image, true: str, false: Mapping[str, str], hits: Mapping[str, bool]
) -> Example:
    wrong = [kind for kind, hit in hits.items() if not hit]
    verdicts = tuple((NAMES.get(kind, kind), False) for kind in wrong) or (("every pair", True),)
    return Example(index, picture, true, false[wrong[0]] if wrong else true, verdicts)
