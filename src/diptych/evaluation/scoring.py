"""Score a file of captions against a file of references: `diptych score`, callable from Python."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.config.errors import UserError
from diptych.data.caption_files import read_json
from diptych.evaluation.caption_files import Pairing, pair, read_captions
from diptych.evaluation.progress import silently
from diptych.evaluation.shares import share
from diptych.metrics.captions import EVALUATED, CaptionTokenizer, DocumentFrequency, References, tokenizer_for
from diptych.metrics.captions.diversity import (
    dangling_words,
    distinct,
    ends_badly,
    is_novel,
    mean_length,
    vocabulary_size,
)
from diptych.metrics.captions.java import LIMIT_SECONDS, meteor, spice
from diptych.metrics.captions.self_bleu import self_bleu
from diptych.metrics.captions.tokenization import primary
from diptych.metrics.statistics import Interval
from diptych.plain_types import Track
from diptych.text.languages import guess_languages, is_language, named

if TYPE_CHECKING:
    from diptych.evaluation.wins import Beside

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScoreRequest:
    """Which files, and how to score them.

    `language` is the references', or several with commas between; None guesses them by their letters.
    `document_frequency` is `evaluated`, a file saved before, or a file of captions to count, such as a training set's.
    Captions that are not in `training` are new. `predicted_only` leaves out references of pictures without prediction,
    as coco-caption does. `java` runs METEOR and SPICE where they are; `seed` draws the bootstrap. `against` is another
    file of predictions of the same pictures, held against the first picture by picture.
    """

    predictions: Path
    references: Path
    language: str | None = None
    document_frequency: str = EVALUATED
    training: Path | None = None
    predicted_only: bool = False
    java: bool = True
    java_limit_seconds: float = LIMIT_SECONDS
    seed: int = 0
    against: Path | None = None

    def __post_init__(self) -> None:
        if self.language is not None and not all(map(is_language, self.language.split(","))):
            raise UserError(f"language={self.language!r}: give a code of two or three letters, such as en, zh or zh-TW")
        if not 0 < self.java_limit_seconds < inf:
            raise UserError(f"java_seconds={self.java_limit_seconds:g}: give seconds above 0, or --no-java")
        if self.seed < 0:
            raise UserError(f"seed={self.seed}: give 0 or more")


@dataclass
class Scored:
    """`values` by name, None where `reasons` says why; 95 % `intervals` of some; the `frequency` that weighed words."""

    protocol: Mapping[str, Any]
    frequency: DocumentFrequency
    values: dict[str, float | None] = field(default_factory=dict)
    intervals: dict[str, Interval | None] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    beside: "Beside | None" = None

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        plain = {name: dict(getattr(self, name)) for name in ("protocol", "values", "reasons")}
        intervals = {name: each and asdict(each) for name, each in self.intervals.items()}
        return plain | {"intervals": intervals} | ({"against": self.beside.to_dict()} if self.beside else {})

    def set(self, name: str, value: float | None, reason: str = "") -> None:
        """One figure, or the reason why there is none."""
        self.values[name] = value
        if value is None:
            self.reasons[name] = reason


@dataclass(frozen=True)
class _Work:
    """One file against the other, read and tokenised."""

    request: ScoreRequest
    languages: tuple[str, ...]
    tokenizer: CaptionTokenizer
    pairing: Pairing
    references: References
    training: Sequence[str] | None

    @property
    def predictions(self) -> Mapping[str, str]:
        return self.pairing.predictions

    @property
    def captions(self) -> Mapping[str, Sequence[str]]:
        return self.pairing.references

    def words(self) -> list[list[str]]:
        """Of each prediction, in the order of the references."""
        return [self.tokenizer.split(self.predictions[key]).split() for key in self.captions]


def score_files(request: ScoreRequest, track: Track = silently) -> Scored:
    """Every figure that the files allow; a ValueError names predictions that are missing or too many."""
    work = _prepared(request)
    scored = Scored(_protocol(work), work.references.document_frequency)
    further = (*((_beside_others,) if request.against else ()), *((_by_java,) if request.java else ()))
    steps = (_against_references, _on_their_own, *further)
    for step in track(steps, description="scoring", total=len(steps)):
        step(work, scored)
    return scored


def _prepared(request: ScoreRequest) -> _Work:
    pairing = pair(request.predictions, request.references, predicted_only=request.predicted_only)
    languages = _languages(request, pairing.references)
    tokenizer = tokenizer_for(languages)
    frequency = _frequency(request.document_frequency, tokenizer)
    try:
        references = References(pairing.references, tokenizer, frequency)
        references.check(pairing.predictions)
    except ValueError as error:
        raise UserError(
            f"{request.predictions} against {request.references}: {error}; {pairing.examples}: names or ids must be "
            "the same in both (--predicted-only leaves out pictures without a prediction)"
        ) from error
    training = None if request.training is None else _flat(read_captions(request.training).captions)
    return _Work(request, languages, tokenizer, pairing, references, training)


def _languages(request: ScoreRequest, captions: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """As the request has them, else guessed, with a message."""
    if request.language is not None:
        return tuple(request.language.split(","))
    languages = guess_languages(_flat(captions))
    taken = " and ".join(map(named, languages))
    log.info("%s: taken for %s, by the letters; --language says otherwise", request.references, taken)
    return languages


def _flat(captions: Mapping[str, Sequence[str]]) -> list[str]:
    return [text for texts in captions.values() for text in texts]


def _frequency(choice: str, tokenizer: CaptionTokenizer) -> DocumentFrequency | None:
    """None stands for that of the evaluated references."""
    if choice == EVALUATED:
        return None
    path = Path(choice)
    table = _saved(path)
    if table is None:
        return References(read_captions(path).captions, tokenizer).document_frequency.named(path.name)
    try:
        return DocumentFrequency.from_table(table)
    except ValueError as error:
        raise UserError(f"{path} is no document frequency: {error}; write it again with --save-df") from error


def _saved(path: Path) -> Mapping[str, Any] | None:
    """The table that --save-df wrote; None if the file holds something else, such as captions."""
    try:
        table = read_json(path)
    except ValueError:
        return None
    return table if isinstance(table, Mapping) and "document_frequency" in table else None


def _protocol(work: _Work) -> dict[str, Any]:
    frequency = work.references.document_frequency
    return {
        "predictions": str(work.request.predictions),
        "references": str(work.request.references),
        "pictures": len(work.captions),
        "matched_by": work.pairing.matched_by,
        "captions": sum(map(len, work.captions.values())),
        "language": ", ".join(work.languages),
        "tokenizer": work.tokenizer.name,
        "document_frequency": f"{frequency.name} ({frequency.num_images:,} pictures)",
    }


def _against_references(work: _Work, scored: Scored) -> None:
    scores = work.references.score(work.predictions)
    for name, value in scores.values().items():
        scored.set(name, value, scores.undefined.get(name, ""))
    scored.intervals |= scores.intervals(work.request.seed)


def _beside_others(work: _Work, scored: Scored) -> None:
    from diptych.evaluation.wins import Beside  # its test takes a library that takes seconds

    others = work.request.against
    assert others is not None
    pairing = pair(others, work.request.references, predicted_only=work.request.predicted_only)
    try:
        work.references.check(pairing.predictions)
    except ValueError as error:
        raise UserError(f"--against {others}: {error}; both files must have a caption of the same pictures") from error
    own = work.references.score(work.predictions)
    scored.beside = Beside.of(str(others), own, work.references.score(pairing.predictions))


def _on_their_own(work: _Work, scored: Scored) -> None:
    words = work.words()
    scored.set("distinct_1", distinct(words, 1), "there are no words")
    scored.set("distinct_2", distinct(words, 2), "there are no two words in a row")
    scored.set("self_bleu", self_bleu(words), "it takes two captions, and one of four words")
    scored.set("vocabulary_size", vocabulary_size(words))
    scored.set("mean_length", mean_length(words))
    try:
        scored.set("bad_ending_rate", share(ends_badly(words, dangling_words(work.languages))))
    except ValueError as unlisted:
        scored.set("bad_ending_rate", None, str(unlisted))
    if work.training is None:
        scored.set("novel", None, "name the training captions with --train")
        return
    scored.set("novel", share(is_novel(words, [work.tokenizer.split(text).split() for text in work.training])))


def _by_java(work: _Work, scored: Scored) -> None:
    if set(map(primary, work.languages)) != {"en"}:
        for name in ("meteor", "spice"):
            scored.set(name, None, "it reads English only")
        return
    split = work.tokenizer.split
    pairs = [(split(work.predictions[key]), [split(text) for text in texts]) for key, texts in work.captions.items()]
    for name, program in (("meteor", meteor), ("spice", spice)):
        score = program(pairs, limit_seconds=work.request.java_limit_seconds)
        scored.set(name, score.value, score.reason)
