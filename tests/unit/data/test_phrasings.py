import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data.labelled.cifar10 import NAMES as THINGS
from diptych.data.labelled.cifar10 import Cifar10Data
from diptych.data.labelled.clothes import CLOTHES
from diptych.data.labelled.clothes import NAMES as GARMENTS
from diptych.data.labelled.numerals import DIGITS, NUMERALS
from diptych.data.phrasings import article, checked_phrasings, sentences
from diptych.text import tokenizer_class, tokenizer_of
from diptych.types import UNK_ID

SETS = {
    "digits": (DIGITS, {word: (word, str(digit)) for digit, word in enumerate(NUMERALS)}),
    "clothes": (CLOTHES, GARMENTS),
    "things": (Cifar10Data.classes, THINGS),
}


@pytest.mark.parametrize("name", SETS)
def test_every_sentence_names_its_class_and_no_other(name):
    classes, names = SETS[name]
    split = tokenizer_class("word", 2).split
    for number, label in enumerate(classes.labels):
        assert len(set(classes.sentences(number))) == len(classes.sentences(number)) >= 7
        for sentence in classes.sentences(number):
            named = [other for other, called in names.items() if any(_has(split(sentence), split(n)) for n in called)]
            assert named == [label], sentence


def _has(words: list[str], name: list[str]) -> bool:
    return any(words[start : start + len(name)] == name for start in range(len(words)))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("tokenizer", ["word", "char"])
def test_the_vocabulary_has_every_word_and_no_sentence_is_cut(name, tokenizer):
    classes, _ = SETS[name]
    spec = classes.spec(name, image_size=8, channels=1, tokenizer=tokenizer, rules=2)
    encoder = tokenizer_of(spec)
    for sentence in classes.all_sentences():
        ids = encoder.encode(sentence)
        assert UNK_ID not in ids
        assert encoder.decode(ids) == sentence


AN = """apple hour honest heir hors-d'œuvre umbrella usher urn unimportant uninhabited X-ray x-ray LCD mp3 SUV MRI 8 80
11th 18-wheeler eight owl élan 'owl' nth umpire upright unidentified"""
A = """zero one once pair unicorn unit uniform university user ukulele uranium utensil eucalyptus ewe European UFO UAV
house hotel horse fly rhythm St Mr 1 7 110 180-year Ukrainian 狗 собака ß-carotene - $"""


@pytest.mark.parametrize("name", AN.split())
def test_names_that_open_with_a_vowel_s_sound_take_an(name):
    assert article(name) == "an"


@pytest.mark.parametrize("name", A.split())
def test_other_names_take_a(name):
    assert article(name) == "a"


def test_phrasings_and_names_are_combined_in_order_and_said_once():
    assert sentences(["owl", "eagle"], ["{article} {name}", "{name}"]) == ("an owl", "owl", "an eagle", "eagle")
    assert sentences(["owl", "owl"], ["{name}", " {name} "]) == ("owl",)


@pytest.mark.parametrize(
    "phrasings",
    [
        *([], "a {name}", ["a picture"], ["{article}"], ["{name} {other}"], ["{name"], ["{name!r}"], ["{name:>9}"]),
        *(["{}"], ["{name.__class__}"], ["{name[0]}"], [7], ["{name} {0}"]),
    ],
)
def test_phrasings_with_other_places_than_name_and_article_are_refused(phrasings):
    with pytest.raises(ValueError, match=r"data\.phrasings"):
        checked_phrasings(phrasings, "data.phrasings")


@given(st.text(max_size=30))
def test_any_name_has_an_article_and_its_sentence_holds_it(name):
    assert article(name) in ("a", "an")
    (sentence,) = sentences([name], ["it is {article} {name}"])
    assert re.fullmatch(r"it is an?( .*)?", sentence, re.DOTALL)
    assert sentence.split()[3:] == name.split()
