"""What networks are told of captioned pictures: the vocabulary, the length and the languages of their captions.

Captions are counted one after the other, so that millions of them need no more memory than their words.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from diptych.data.options import DataOptions
from diptych.plain_types import DataSpec
from diptych.text import Vocabulary, tokenizer_class
from diptych.text.languages import EXAMINED, guess_languages, is_language, named

SHORTEST = 3
log = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False, repr=False)
class CaptionedOptions(DataOptions):
    """The settings of pictures with captions, wherever they lie.

    Problems raise (`on_error=raise`) or are left out and counted (`skip`). The vocabulary has the words of the train
    captions with at least `min_count` occurrences; captions are cut to `max_length` tokens. `languages` are those of
    the captions; where nobody names them they are guessed.
    """

    val_share: float
    test_share: float
    on_error: Literal["raise", "skip"]
    image_size: int
    random_crop: bool
    min_count: int
    max_length: int
    languages: tuple[str, ...] | str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.languages is not None:
            self.languages = _checked_languages(self.languages)
        if self.max_length < SHORTEST:
            raise ValueError(f"data.max_length={self.max_length} counts <bos> and <eos>: set {SHORTEST} or more")


def spec_of_captions(
    name: str, place: str, settings: CaptionedOptions, captions: Callable[[], Iterable[str]]
) -> DataSpec:
    """The facts of RGB pictures with these train captions, asked for several times; `place` is for messages."""
    cutter = tokenizer_class(settings.tokenizer, settings.tokenizer_rules).cutter(captions(), settings.num_tokens)
    words: Counter[str] = Counter()
    lengths: Counter[int] = Counter()
    for caption in captions():
        tokens = cutter.split(caption)
        words.update(tokens)
        lengths[len(tokens) + 2] += 1
    vocabulary = cutter.vocabulary(words, min_count=settings.min_count)
    _tell_unknown(words, vocabulary, settings, place)
    return DataSpec(
        name=name,
        image_size=settings.image_size,
        image_channels=3,
        vocabulary=vocabulary.tokens,
        max_length=_longest(lengths, settings.max_length),
        tokenizer=settings.tokenizer,
        tokenizer_rules=settings.tokenizer_rules,
        subwords=cutter.subwords,
        languages=tuple(settings.languages or _guessed(iter(captions()), lengths.total(), place)),
    )


def _tell_unknown(words: Counter[str], vocabulary: Vocabulary, settings: CaptionedOptions, place: str) -> None:
    """Say how much of the train captions is read as <unk>, if anything is."""
    unknown = sum(number for word, number in words.items() if word not in vocabulary)
    if unknown:
        log.info(
            "%s: %s tokens; %.1f %% of the words of the train captions are rarer than data.min_count=%d and are read "
            "as <unk>",
            place,
            f"{len(vocabulary):,}",
            100 * unknown / words.total(),
            settings.min_count,
        )


def _guessed(captions: Iterator[str], number: int, place: str) -> tuple[str, ...]:
    step = -(-number // EXAMINED) or 1
    languages = guess_languages(list(islice(captions, 0, None, step)))
    log.info(
        "%s: the captions are taken for %s, by their letters; data.languages=[…] says otherwise",
        place,
        " and ".join(map(named, languages)),
    )
    return languages


def _longest(lengths: Counter[int], max_length: int) -> int:
    """`max_length`, or less if all captions are shorter; warns of the number of cut captions."""
    longest = max(lengths)
    cut = sum(number for length, number in lengths.items() if length > max_length)
    if cut:
        log.warning(
            "%s of %s captions have more than data.max_length=%d tokens (the longest %d) and are cut",
            f"{cut:,}",
            f"{lengths.total():,}",
            max_length,
            longest,
        )
    return min(max_length, longest)


def _checked_languages(languages: tuple[str, ...] | str) -> tuple[str, ...]:
    """As a tuple of codes; a single one may stand alone."""
    codes = (languages,) if isinstance(languages, str) else languages
    if not codes:
        raise ValueError("data.languages is empty: name at least one language, for example [en], or null to guess")
    for code in codes:
        if not isinstance(code, str) or not is_language(code):
            raise ValueError(
                f"data.languages has {code!r}: give codes of two or three letters, such as en, zh or zh-TW"
            )
    return tuple(codes)
