import pytest

from diptych.text.languages import guess_languages, is_language

ENGLISH = ["a dog runs", "two cats in a café", "red bus"]
CHINESE = ["一个男孩在草地上跑步", "两只狗在水里", "iPhone 12和一个红色的苹果"]
CAPTIONS = {
    "en": ENGLISH,
    "zh": CHINESE,
    "ja": ["犬が走る", "赤い車", "犬二匹", "Ｔシャツを着た男"],
    "ko": ["개가 달린다", "빨간 버스"],
    "hi": ["एक लड़का", "दो कुत्ते पानी में"],
    "ar": ["كلب يركض", "قطة"],
    "ru": ["собака бежит", "красный автобус DHL"],
    "th": ["สุนัขวิ่ง", "แมวสองตัว"],
    "km": ["ឆ្កែរត់"],
    "und": ["ein Hund läuft", "zwei Katzen auf einem Sofa", "der rote Bus"],
}


@pytest.mark.parametrize("language", CAPTIONS)
def test_letters_say_the_language(language):
    assert guess_languages(CAPTIONS[language]) == (language,)


@pytest.mark.parametrize(
    "captions",
    [
        ["un chien court", "une fille avec un ballon", "deux chats dans l'eau"],
        ["un perro corre por el agua", "una niña", "dos gatos en la mesa"],
        ["bir adam koşuyor", "iki köpek suda oynuyor"],
        ["hai con chó", "một cậu bé"],
        ["👍", "3"],
        [],
    ],
)
def test_what_letters_do_not_tell_is_left_open(captions):
    assert guess_languages(captions) == ("und",)


def test_two_languages_side_by_side_are_both_the_datas():
    assert guess_languages([*CHINESE, *CHINESE, *ENGLISH]) == ("zh", "en")


def test_a_few_captions_in_another_language_are_not_the_datas():
    assert guess_languages([*CHINESE * 10, *ENGLISH]) == ("zh",)
    assert guess_languages([*ENGLISH * 10, *CHINESE]) == ("en",)


def test_large_data_are_guessed_from_a_part_of_them_spread_over_all():
    assert guess_languages([*ENGLISH * 10_000, *CHINESE * 10_000]) == ("en", "zh")


@pytest.mark.parametrize(
    ("code", "valid"), [("en", True), ("zh-TW", True), ("yue", True), ("klingon", False), ("", False)]
)
def test_codes_of_languages(code, valid):
    assert is_language(code) == valid
