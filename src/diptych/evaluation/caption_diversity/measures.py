"""How exact and how varied several captions of each image are, by the world's truth or by references.

`samples[j][i]` is the j-th caption of image i.
"""

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from diptych.evaluation.captioning.captioned import agreement, truth_of
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import CONTENTS, RESAMPLING_SEED, Figure
from diptych.metrics.captions import References, tokenizer_for
from diptych.metrics.captions.diversity import distinct
from diptych.metrics.captions.scores import CaptionScores
from diptych.metrics.captions.self_bleu import self_bleu
from diptych.metrics.statistics import cluster_interval
from diptych.text.tokenizers import plain

Samples = Sequence[Sequence[str]]


class TrueCaptions:
    """Where all that is true is known: how many captions are exactly true, and how many different ones of those.

    A false caption adds nothing to diversity, and nor does a true one that comes twice.
    """

    exactness, diversity = "exact_match", "distinct_true"
    names = ("exact match", "distinct true captions")
    best_by = 1
    """Which of both figures says the best temperature."""

    def __init__(self, held_out: HeldOut) -> None:
        self.held_out = held_out

    def figures(self, samples: Samples, **common: Any) -> Iterator[Figure]:
        """Shares of the captions of an image, averaged over images."""
        truth = [self._true(texts) for texts in samples]
        pairs = [
            {plain(texts[i]) for texts, true in zip(samples, truth, strict=True) if true[i]}
            for i in range(len(self.held_out))
        ]
        exact = [fmean(true[i] for true in truth) for i in range(len(self.held_out))]
        varied = [len(kinds) / len(samples) for kinds in pairs]
        yield _mean(self.exactness, exact, self.held_out, **common)
        yield _mean(self.diversity, varied, self.held_out, reference=self._reference(len(samples)), **common)

    def _true(self, texts: Sequence[str]) -> list[bool]:
        if self.held_out.world is None:
            return agreement(texts, self.held_out.references)
        return truth_of(texts, self.held_out).hits("exact_match")

    def _reference(self, number: int) -> float | None:
        """The same share of as many references, where there are so many."""
        references = self.held_out.references
        if min(map(len, references)) < number:
            return None
        return fmean(len(set(map(plain, texts[:number]))) / number for texts in references)


class NearCaptions:
    """Where there are references only: how near captions are to them, and how far an image's are from one another."""

    exactness, diversity = "cider_d", "distinct_2"
    names = ("CIDEr-D", "distinct-2")
    best_by = 0

    def __init__(self, held_out: HeldOut) -> None:
        self.held_out, self.tokenizer = held_out, tokenizer_for(held_out.spec.languages)
        self.references = References(dict(enumerate(held_out.references)), self.tokenizer)

    def figures(self, samples: Samples, **common: Any) -> Iterator[Figure]:
        """CIDEr-D of all captions, then of each image's captions distinct-2 and self-BLEU, averaged over images."""
        yield self._nearness(samples, **common)
        words = [[self.tokenizer.split(texts[i]).split() for texts in samples] for i in range(len(self.held_out))]
        measures: dict[str, Callable[[list[list[str]]], float | None]] = {
            self.diversity: lambda captions: distinct(captions, 2),
            "self_bleu": self_bleu,
        }
        for key, measure in measures.items():
            values = [(value, i) for i, captions in enumerate(words) if (value := measure(captions)) is not None]
            if not values:
                yield _named(key, None, 0, note="captions are too short", **common)
                continue
            places = [i for _, i in values]
            yield _mean(key, [value for value, _ in values], self.held_out.only(places), **common)

    def _nearness(self, samples: Samples, **common: Any) -> Figure:
        each = [self.references.score(dict(enumerate(texts))) for texts in samples]
        scores = CaptionScores(np.mean([one.rows for one in each], axis=0), each[0].undefined)
        value = scores.values()[self.exactness]
        interval = scores.intervals(RESAMPLING_SEED, self.held_out.contents_of_pictures, CONTENTS)[self.exactness]
        note = scores.undefined.get(self.exactness, "")
        return _named(self.exactness, value, len(self.held_out), interval, note=note, percent=False, **common)


def measure_for(held_out: HeldOut) -> TrueCaptions | NearCaptions:
    """By truth where it is known, else by references."""
    return TrueCaptions(held_out) if held_out.has_exact_truth else NearCaptions(held_out)


def _mean(key: str, values: Sequence[float], held_out: HeldOut, **rest: Any) -> Figure:
    """A share of each image's captions, averaged over images, with an interval over their contents."""
    contents = held_out.contents_of_pictures
    interval = cluster_interval(values, contents, np.random.default_rng(RESAMPLING_SEED), CONTENTS)
    return _named(key, fmean(values), len(values), interval, **rest)


LABELS: dict[str, str] = dict(zip((TrueCaptions.exactness, TrueCaptions.diversity), TrueCaptions.names, strict=True))
LABELS |= dict(zip((NearCaptions.exactness, NearCaptions.diversity), NearCaptions.names, strict=True))
LABELS["self_bleu"] = "self-BLEU"


def _named(key: str, value: float | None, n: int, interval: Any = None, *, temperature: float, **rest: Any) -> Figure:
    """A figure at one temperature, whose key says so."""
    place, said = f"{temperature:g}", LABELS[key]
    words = {"name": f"{said} at {place}", "group": key, "protocol": {"temperature": temperature}}
    return Figure.of(f"{key}_at_{place}", value, n, interval, **words, **rest)
