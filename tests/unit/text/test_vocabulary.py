from collections import Counter

import pytest

from diptych.text import Vocabulary
from diptych.types import SPECIAL_TOKENS, UNK_ID


def test_special_tokens_come_first_whatever_the_words():
    assert Vocabulary.of_words(["b", "a", "b", "<unk>"]).tokens == (*SPECIAL_TOKENS, "a", "b")


def test_frequent_words_come_first_and_ties_are_alphabetical():
    counts = Counter({"rare": 1, "often": 9, "b": 2, "a": 2})
    assert Vocabulary.of_counts(counts, min_count=2).tokens[4:] == ("often", "a", "b")


def test_what_is_not_in_it_is_unknown():
    vocabulary = Vocabulary.of_words(["a"])
    assert vocabulary.id_of("a") == 4
    assert vocabulary.id_of("zebra") == UNK_ID
    assert "zebra" not in vocabulary


def test_a_vocabulary_without_the_special_tokens_or_with_a_token_twice_is_refused():
    with pytest.raises(ValueError, match="starts with"):
        Vocabulary(["a", "b"])
    with pytest.raises(ValueError, match=r"twice.*'a'"):
        Vocabulary([*SPECIAL_TOKENS, "a", "a"])
