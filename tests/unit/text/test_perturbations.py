"""Slips of fingers and words out of place."""

import difflib
from collections import Counter
from random import Random

from diptych.text import WordTokenizer
from diptych.text.perturbations import MADE_UP, mistyped, reordered, with_further_word, with_unknown_word
from diptych.world import Grammar, WorldSpec, scene_at

KNOWN = {word for text in Grammar().texts() for word in WordTokenizer.split(text)}
SENTENCES = [Grammar().describe(scene_at(WorldSpec(), "test", 0, i), Random(i)) for i in range(60)]


def tokens() -> list[list[str]]:
    return [WordTokenizer.split(sentence) for sentence in SENTENCES]


def changed(before, after) -> list[tuple[str, str]]:
    return [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]


def test_a_typo_changes_one_letter_of_one_word_and_leaves_no_doubt_which_was_meant():
    for i, words in enumerate(tokens()):
        slip = mistyped(words, KNOWN, Random(i))
        assert slip is not None
        ((meant, typed),) = changed(words, slip)
        assert typed not in KNOWN
        assert difflib.get_close_matches(typed, KNOWN, n=1) == [meant]
        assert abs(len(typed) - len(meant)) == 1 or Counter(typed) == Counter(meant)


def test_short_words_are_not_mistyped():
    assert mistyped(["a", "red"], KNOWN, Random(0)) is None


def test_another_order_has_the_same_words():
    for i, words in enumerate(tokens()):
        other = reordered(words, Random(i))
        assert other is not None
        assert other != words
        assert Counter(other) == Counter(words)
    assert reordered(["one"], Random(0)) is None


def test_made_up_words_replace_one_or_stand_beside_all():
    for i, words in enumerate(tokens()):
        replaced = with_unknown_word(words, KNOWN, Random(i))
        assert replaced is not None
        assert [typed in MADE_UP for _, typed in changed(words, replaced)] == [True]
        more = with_further_word(words, KNOWN, Random(i))
        assert words in (more[1:], more[:-1])
        assert sum(word in MADE_UP for word in more) == 1


def test_made_up_words_that_a_language_knows_are_left_alone():
    assert with_further_word(["a"], {"wug", "dax", "blicket", "fep"}, Random(0)) in (["toma", "a"], ["a", "toma"])


def test_the_same_seed_disturbs_in_the_same_way():
    for disturb in (mistyped, with_unknown_word, with_further_word):
        assert [disturb(words, KNOWN, Random(5)) for words in tokens()] == [
            disturb(words, KNOWN, Random(5)) for words in tokens()
        ]
