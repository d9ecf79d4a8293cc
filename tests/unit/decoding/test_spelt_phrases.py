"""Phrases of pieces of words are found as in the text, however the pieces cut it."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.decoding.phrases import Phrases
from diptych.decoding.restrictions import without_spelt
from diptych.decoding.spelling import Spelling, SpeltPhrase
from diptych.types import SPECIAL_TOKENS

PIECES = ("a", "b", "_", "ab", "_a", "_ab", "ba", "b_a", "a_", "a_b_", ".")
SPELLING = Spelling((*("",) * len(SPECIAL_TOKENS), *PIECES), frozenset("ab"))
FIRST = len(SPECIAL_TOKENS)


def texts_with(phrase: str, begins: bool, ends: bool) -> re.Pattern[str]:
    """The independent reference: `_` and `.` are no letters."""
    return re.compile(("(?<![ab])" if begins else "") + re.escape(phrase) + ("(?![ab])" if ends else ""))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=7),
    phrase=st.sampled_from(["a", "ab", "a_b", "aba", "b_a", "_", "_a"]),
    begins=st.booleans(),
    ends=st.booleans(),
)
def test_a_spelt_phrase_is_met_and_kept_out_where_the_text_has_it(pieces, phrase, begins, ends):
    spelt = SpeltPhrase(phrase, SPELLING, begins=begins, ends=ends)
    tokens = torch.tensor([[FIRST + PIECES.index(piece) for piece in pieces]], dtype=torch.long)
    pattern, phrases = texts_with(phrase, begins, ends), Phrases(spelt=[spelt])
    text = "".join(pieces)
    assert (phrases.met(tokens).item() == len(phrases)) == bool(pattern.search(text))
    after = phrases.met_after(tokens, len(SPELLING.tokens))[0, FIRST:].tolist()
    assert [count == len(phrases) for count in after] == [bool(pattern.search(text + piece)) for piece in PIECES]
    if not pattern.search(text):
        log_probs = without_spelt([spelt])(torch.zeros(1, len(SPELLING.tokens)), tokens)[0, FIRST:]
        assert log_probs.isneginf().tolist() == [bool(pattern.search(text + piece)) for piece in PIECES]


def test_an_empty_phrase_is_refused():
    with pytest.raises(ValueError, match="at least one symbol"):
        SpeltPhrase("", SPELLING, begins=False, ends=False)
