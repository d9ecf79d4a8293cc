"""An operation is applied exactly where no caption says what it may make untrue, in every language with a list."""

import re
import tomllib
from fnmatch import fnmatchcase
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data.augmentation.captions import Claims
from diptych.data.augmentation.choice import OPERATIONS
from diptych.data.augmentation.examples import Augmented
from diptych.data.augmentation.operation import CLAIMS, COLOUR, COUNT, LETTERS, POSITION, SHAPE, SIDE, SIZE
from diptych.data.augmentation.words import folded, listed
from diptych.data.example import Example, ExampleRequest
from diptych.text.languages import guess_languages
from diptych.world import languages as languages_of_world
from diptych.world.language import load_language

NEUTRAL = {
    "en": "a dog runs with the ball on grass while people watch it",
    "de": "ein Hund läuft mit dem Ball durch das Gras während Leute es sehen",
    "fr": "un chien mange avec des gens qui regardent le ballon dans la rue",
    "es": "un perro corre con la pelota mientras gente mira la hierba",
    "zh": "狗 在 跑 步 草 人 看 它 猫 和 吃 饭",
    "ja": "犬 が 走る 人 を 見る 猫 と 食べる",
    "hi": "एक कुत्ता घास में दौड़ता है लोग उसे देखते हैं",
    "ar": "كلب يجري في العشب الناس يلعب مع",
}
UNSPACED = ("zh", "ja")
STRONG = {"flip": 1, "crop": 0.3, "rotation": 30, "colour": 0.5, "hue": 0.2, "grey": 1, "blur": 0.1}


def table_of(language: str) -> dict[str, list[str]]:
    file = resources.files("diptych.data.augmentation") / "words" / f"{language}.toml"
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    return {key: text.split() for key, text in table.items()}


TABLES = {language: table_of(language) for language in listed()}


def expected(language: str, text: str) -> set[str]:
    """What the caption says, by the files alone."""
    guess = guess_languages([text])
    return set().union(*(_by_file(TABLES[name], text) for name in {language, *guess} & set(TABLES)))


def _by_file(table: dict[str, list[str]], text: str) -> set[str]:
    tokens = {part for word in text.split() for part in (word, *re.split("[-']", word))}
    starts = ["", *table.get("clitics", [])]
    unspaced = text.replace(" ", "")
    claims = {claim: words for claim, words in table.items() if claim in CLAIMS}
    return {
        claim
        for claim, words in claims.items()
        for word in words
        if (guess_languages([word])[0] in UNSPACED and word in unspaced)
        or any(fnmatchcase(folded(token), folded(start + word)) for start in starts for token in tokens)
    }


@st.composite
def captions(draw) -> tuple[str, str]:
    """A language and a caption of neutral words, with or without some of those of its list."""
    language = draw(st.sampled_from(listed()))
    listed_words = [word.replace("*", "") for claim in CLAIMS for word in TABLES[language].get(claim, ())]
    neutral = draw(st.lists(st.sampled_from(NEUTRAL[language].split()), min_size=1, max_size=6))
    telling = draw(st.lists(st.sampled_from(listed_words), max_size=2))
    words = draw(st.permutations([*neutral, *telling]))
    return language, ("" if language in UNSPACED else " ").join(words)


class OnePicture:
    size = 1

    def __init__(self, *references: str) -> None:
        self.references = references

    def captions_of(self, index):
        return self.references

    def __getitem__(self, request):
        return Example("picture", self.references[:1], self.references)


def changes(name: str, claims: Claims, *references: str) -> bool:
    """Whether a strong operation of this name changes a picture with these captions."""
    picture = Augmented(OnePicture(*references), (OPERATIONS[name](STRONG[name]),), claims, 0, 1000)
    return picture[ExampleRequest(0, 0)].view is not None


@pytest.mark.parametrize("name", STRONG)
@given(drawn=captions())
def test_an_operation_is_applied_exactly_where_no_word_says_what_it_breaks(name, drawn):
    language, caption = drawn
    breaks = OPERATIONS[name](STRONG[name]).breaks
    assert breaks
    assert changes(name, Claims((language,)), caption) == (not breaks & expected(language, caption))


@pytest.mark.parametrize("language", listed())
def test_every_word_of_a_list_is_found_as_it_is_written(language):
    claims = Claims((language,))
    missed = {
        (claim, word)
        for claim in CLAIMS & set(TABLES[language])
        for word in TABLES[language][claim]
        if claim not in claims.of_texts([word.replace("*", "")])
    }
    assert not missed


@pytest.mark.parametrize("language", listed())
def test_every_list_has_words_of_all_claims_and_neutral_captions_say_nothing(language):
    assert set(TABLES[language]) - {"clitics", "taken_for"} == CLAIMS
    assert Claims((language,)).of_texts([NEUTRAL[language]]) == frozenset()


@pytest.mark.parametrize("language", languages_of_world())
def test_every_word_of_the_world_is_in_the_lists(language):
    assert language in listed()
    of_world, claims = load_language(language), Claims((language,))
    words = {
        COLOUR: of_world.colours.values(),
        SIZE: of_world.sizes.values(),
        SHAPE: [form for name, forms in of_world.nouns.items() if name != "any" for form in forms],
        COUNT: of_world.numbers[1:],  # one is said where at least one is meant
    }
    for phrasing in of_world.phrasings.values():
        relations = phrasing.relation_words
        words.setdefault(SIDE, []).extend(relations[name] for name in ("left_of", "right_of") if name in relations)
        words.setdefault(POSITION, []).extend(relations[name] for name in ("above", "below") if name in relations)
    assert {
        (claim, word) for claim, said in words.items() for word in said if claim not in claims.of_texts([word])
    } == set()
    assert COUNT not in claims.of_texts([of_world.numbers[0]])


@pytest.mark.parametrize(
    ("language", "caption", "claim"),
    [
        ("en", "A Light-Blue car", COLOUR),
        ("en", "a ＲＥＤ car", COLOUR),
        ("en", "a left-handed player", SIDE),
        ("en", "3 dogs", COUNT),
        ("en", 'a door that says "open"', LETTERS),
        ("en", "my cat 🖤", COLOUR),
        ("en", "go there ➡️", SIDE),
        ("de", "ein dunkelrotes Auto", COLOUR),
        ("de", "der linke Hund", SIDE),
        ("fr", "de l’orange", COLOUR),
        ("fr", "une etoile", SHAPE),
        ("es", "a la IZQUIERDA", SIDE),
        ("zh", "两只狗", COUNT),
        ("zh", "左邊的貓", SIDE),
        ("ja", "みぎに犬がいる", SIDE),
        ("ja", "ひとつのボール", COUNT),
        ("hi", "नीली गाड़ी", COLOUR),
        ("hi", "सफेद गाड़ी", COLOUR),
        ("hi", "बाएँ", SIDE),
        ("ar", "السيارة الحَمْرَاء", COLOUR),
        ("ar", "وباليمين", SIDE),
        ("ar", "كلبان", COUNT),
    ],
)
def test_words_are_found_in_other_forms_and_spellings(language, caption, claim):
    assert claim in Claims((language,)).of_texts([caption])


def test_a_picture_asks_all_its_captions_and_labels():
    claims = Claims(("en",))
    assert changes("flip", claims, "a dog", "an animal")
    assert not changes("flip", claims, "a dog", "a dog that looks to the left")
    assert claims.of_example(Example("k", ("a dog",), ("a dog",), labels=("red_panda",))) == {COLOUR}


def test_captions_that_training_must_not_read_forbid_nothing():
    claims = Claims(("en",))
    said = Example("k", ("two red dogs",), ("two red dogs",), captioned=False)
    assert claims.of_example(said) == frozenset()


def test_captions_in_two_languages_ask_both():
    both = Claims(("en", "zh"))
    assert not changes("flip", both, "a dog", "左边的狗")
    assert not changes("flip", both, "狗", "a dog on the left")
    assert changes("flip", both, "狗", "a dog")


def test_few_captions_in_another_language_are_understood_by_their_letters():
    english = Claims(("en",))
    assert not changes("flip", english, "a dog", "左边的狗")
    assert changes("flip", english, "a dog", "狗")
    assert not changes("flip", english, "a dog", "강아지")  # no list
    assert not changes("flip", english, "ein Hund mit einem Ball")  # no English, and nobody knows what it is


def test_where_a_language_has_no_list_only_what_breaks_nothing_is_applied():
    finnish = Claims(("fi",))
    assert finnish.unlisted == ("fi",)
    assert finnish.of_texts(["koira"]) == CLAIMS
    assert [name for name in STRONG if changes(name, finnish, "koira")] == []
    weak = Augmented(OnePicture("koira"), (OPERATIONS["rotation"](5),), finnish, 0, 32)
    assert weak[ExampleRequest(0, 0)].view is not None


@pytest.mark.parametrize("code", ["zh-TW", "zh_Hant", "EN", "en-gb"])
def test_a_region_changes_no_words(code):
    assert Claims((code,)).unlisted == ()
