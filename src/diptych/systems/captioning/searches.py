"""From caption options to a search, in the words that a captioner knows."""

import difflib
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

from torch import Tensor

from diptych.decoding import Decoded, Restriction, Search, beam, greedy, repeated, sample_rows
from diptych.decoding import restrictions as rules
from diptych.decoding.phrases import Phrases
from diptych.decoding.spelling import Spelling, SpeltPhrase
from diptych.systems.captioning.options import CaptionOptions
from diptych.systems.image_rngs import ImageRngs
from diptych.text.tokenizers import Pieces, Tokenizer
from diptych.types import EOS_ID, SPECIAL_TOKENS, UNK_ID

Ids = tuple[int, ...]


class CaptionSearch:
    """A search with a captioner's tokens; a ValueError names an option that these make impossible.

    `longest` is how many tokens captions have at most, <eos> included.
    """

    def __init__(self, options: CaptionOptions, tokenizer: Tokenizer, longest: int) -> None:
        self.options, self.tokenizer, self.longest = options, tokenizer, longest
        self.prefix = self._ids("prefix", options.prefix) if options.prefix else ()
        self.suppressed = {text: self._ids("suppress", text) for text in options.suppress}
        self.required = {text: self._ids("contains", text) for text in options.contains}
        self._check_lengths()
        self._check_words()

    def __call__(self, step: Any, state: Any, keys: Callable[[], Sequence[str]]) -> Decoded:
        """`num_captions` captions an image, side by side; `keys` tell images apart for drawing."""
        if not self.options.draws:
            return self._search(step, state, max_length=self._max_length)
        count = self.options.num_captions
        rngs = ImageRngs(((key, i) for key in keys() for i in range(count)), seed=self.options.seed)

        def draw(probabilities: Tensor) -> Tensor:
            return rngs.multinomial(probabilities).to(probabilities.device)

        options = self.options
        settings = {"temperature": float(options.temperature), "top_k": options.top_k, "top_p": float(options.top_p)}
        state = repeated(state, count)
        return sample_rows(step, state, max_length=self._max_length, draw=draw, restrict=self.restriction, **settings)

    def lacking(self, tokens: Sequence[int]) -> tuple[str, ...]:
        """The phrases that a caption should contain and does not: there was no room, or no way to say them."""
        said = [self.tokenizer.vocabulary.tokens[token] for token in tokens]
        return tuple(phrase for phrase in self.required if not self.tokenizer.says(said, phrase))

    @cached_property
    def restriction(self) -> Restriction:
        """What captions may not be, but for what they must contain."""
        options = self.options
        found = [rules.at_least(options.min_length)]
        found += self._without() if self.suppressed else []
        found += [rules.without_repeated_ngrams(options.block_ngrams)] if options.block_ngrams else []
        if options.repetition_penalty != 1:
            found.append(rules.repetition_penalty(float(options.repetition_penalty)))
        found += [rules.at_most(options.max_length)] if options.max_length is not None else []
        whole = rules.together(*found)
        return rules.beginning_with(self.prefix, whole) if self.prefix else whole

    @cached_property
    def _search(self) -> Search:
        options = self.options
        if options.beam == 1 and not self.required:
            return partial(greedy, restrict=self.restriction)
        return partial(
            beam,
            width=options.beam,
            length_power=float(options.length_power),
            num_best=options.num_captions,
            groups=options.diverse_groups,
            diversity_penalty=float(options.diversity_penalty),
            restrict=self.restriction,
            required=self._required,
        )

    @cached_property
    def _required(self) -> Phrases:
        if (pieces := self.tokenizer.pieces) is None:
            return Phrases(list(self.required.values()))
        return Phrases(spelt=[_spelt(phrase, pieces) for phrase in self.required])

    def _without(self) -> list[Restriction]:
        """What keeps suppressed phrases out, and pieces that spell them."""
        if (pieces := self.tokenizer.pieces) is None:
            return [rules.without(list(self.suppressed.values()))]
        special = [ids for text, ids in self.suppressed.items() if text in SPECIAL_TOKENS]
        spelt = [_spelt(text, pieces) for text in self.suppressed if text not in SPECIAL_TOKENS]
        return [rules.without(special), rules.without_spelt(spelt)]

    @property
    def _max_length(self) -> int:
        """With <eos>."""
        return self.longest if self.options.max_length is None else self.options.max_length + 1

    def _ids(self, key: str, text: str) -> Ids:
        vocabulary = self.tokenizer.vocabulary
        if text in SPECIAL_TOKENS:
            tokens = [text]
        else:
            tokens = self.tokenizer.split(text)
            if unknown := [token for token in tokens if token not in vocabulary or vocabulary.id_of(token) == UNK_ID]:
                near = difflib.get_close_matches(unknown[0], vocabulary.tokens[len(SPECIAL_TOKENS) :], n=3)
                hint = f"; did you mean {' or '.join(near)}?" if near else ""
                raise ValueError(f"{key}={text!r}: this captioner never says {unknown[0]!r}{hint}")
        ids = tuple(vocabulary.id_of(token) for token in tokens)
        if EOS_ID in ids or (text in SPECIAL_TOKENS and key != "suppress"):
            raise ValueError(f"{key}={text!r}: only words can be asked for, and <unk> suppressed")
        return ids

    def _check_lengths(self) -> None:
        options, most = self.options, self.longest - 1
        for name in ("min_length", "max_length"):
            if (getattr(options, name) or 0) > most:
                raise ValueError(
                    f"{name}={getattr(options, name)}: captions have {most} tokens at most, as in training"
                )
        room = most if options.max_length is None else options.max_length
        if self.prefix and len(self.prefix) >= room:
            raise ValueError(f"prefix={options.prefix!r}: captions of at most {room} tokens have no more room after it")
        needed = len(self._required)
        for text, ids in self.required.items() if self.tokenizer.pieces is None else ():
            if len(ids) > room - len(self.prefix):
                raise ValueError(f"contains={text!r}: captions of at most {room} tokens have no room for it")
        if self.required and options.beam // options.diverse_groups <= needed:
            raise ValueError(
                f"contains={list(self.required)}: the search needs room for all of it; give "
                f"beam={(needed + 1) * options.diverse_groups} or more"
            )

    def _check_words(self) -> None:
        says, split = self.tokenizer.says, self.tokenizer.split
        for key, texts in {"prefix": [self.options.prefix], "contains": self.required}.items():
            for text in texts:
                for name in self.suppressed:
                    if says(split(text), name):
                        raise ValueError(f"{key}={text!r} has suppress={name!r} in it: leave one of them out")
        length = self.options.block_ngrams
        for text, ids in self.required.items():
            runs = [ids[i : i + length] for i in range(len(ids) - length + 1)] if length else []
            if len(set(runs)) < len(runs):
                raise ValueError(f"contains={text!r} repeats what block_ngrams={length} forbids: leave one of them out")
        alone = {phrase[0] for phrase in self.suppressed.values() if len(phrase) == 1}
        if len(alone - {*range(len(SPECIAL_TOKENS))}) >= len(self.tokenizer.vocabulary) - len(SPECIAL_TOKENS):
            raise ValueError("suppress: no word is left to say; suppress fewer")


def _spelt(phrase: str, pieces: Pieces) -> SpeltPhrase:
    symbols, begins, ends = pieces.spelt(phrase)
    return SpeltPhrase(symbols, Spelling(pieces.tokens, pieces.letters), begins=begins, ends=ends)
