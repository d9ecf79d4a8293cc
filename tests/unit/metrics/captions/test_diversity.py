import pytest
from nltk.translate.bleu_score import corpus_bleu

from diptych.metrics.captions.characters import split_characters
from diptych.metrics.captions.diversity import (
    DANGLING,
    distinct,
    ends_badly,
    is_novel,
    mean_length,
    vocabulary_size,
)
from diptych.metrics.captions.self_bleu import self_bleu
from diptych.metrics.captions.tokenization import CHARACTERS, PTB, tokenizer_for

SHORT = ["a", "dog", "runs", "on"]
DOG, CAT = [*SHORT, "grass"], ["a", "cat", "runs", "on", "the", "grass"]


def test_distinct_counts_different_n_grams_among_all():
    assert distinct([DOG, DOG], 1) == 0.5
    assert distinct([DOG, CAT], 1) == pytest.approx(7 / 11)
    assert distinct([DOG, CAT], 2) == pytest.approx(8 / 9)
    assert distinct([["dog"]], 2) is None


def test_self_bleu_is_bleu_against_all_the_others():
    captions = [DOG, CAT, SHORT, ["a", "dog", "runs", "on", "a", "red", "dog"], CAT]
    others = [captions[:i] + captions[i + 1 :] for i in range(len(captions))]
    assert self_bleu(captions) == pytest.approx(corpus_bleu(others, captions), abs=1e-9)


def test_captions_that_repeat_each_other_have_self_bleu_one():
    assert self_bleu([DOG, DOG, CAT, CAT]) == pytest.approx(1)
    assert self_bleu([DOG, ["two", "red", "birds", "fly", "high"]]) == pytest.approx(0, abs=1e-3)
    assert self_bleu([DOG]) is None


def test_vocabulary_and_length_are_counted_in_words():
    assert vocabulary_size([DOG, CAT]) == 7
    assert mean_length([DOG, CAT]) == 5.5


def test_a_caption_is_new_unless_training_said_it_word_for_word():
    assert is_novel([DOG, SHORT], [CAT, DOG]) == [False, True]


def test_a_caption_that_breaks_off_ends_badly():
    assert ends_badly([DOG, SHORT, []], DANGLING["en"]) == [False, True, True]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("一个红色的圆在方块上面。", "一 个 红 色 的 圆 在 方 块 上 面"),
        ("３个 iPhone12, 红!", "3 个 iphone12 红"),
        ("赤いボール・です", "赤 い ボ ー ル で す"),
        ("café au lait", "café au lait"),
        ("", ""),
    ],
)
def test_languages_without_spaces_are_read_by_characters(text, tokens):
    assert split_characters(text) == tokens


def test_the_language_chooses_the_way_of_reading():
    assert tokenizer_for(["en"]) is tokenizer_for(["en-GB", "de"]) is PTB
    assert tokenizer_for(["zh"]) is tokenizer_for(["en", "zh-TW"]) is tokenizer_for(["ja"]) is CHARACTERS
