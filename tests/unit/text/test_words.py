"""Words in every script: a letter keeps its marks, an emoji its parts, and a sentence nothing but its spaces loses."""

from itertools import chain

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from diptych.data.labelled import numerals
from diptych.text import Vocabulary, WordTokenizer, tokenizer_class, tokenizer_of
from diptych.text.tokenizers import FirstWordTokenizer, normalised
from diptych.types import DataSpec
from diptych.world import Grammar, languages

EMOJI_TEXT = "👍🏽 👨‍👩‍👧‍👦 👩🏾‍🚀 🏳️‍🌈 ❤️ ❤️‍🔥 🇩🇪 🇯🇵 🏴󠁧󠁢󠁳󠁣󠁴󠁿 1️⃣ #️⃣ 🏃🏻‍♀️‍➡️ ☺ 🐕 ©️ ㊗️"
EMOJI = EMOJI_TEXT.split()
WORDS = {
    "Arabic with harakat": "كَلْبٌ مُدَرِّسٌ",
    "Bengali": "কুকুর বিড়াল ক্ষেত্র",
    "Devanagari": "कुत्ते लड़का मेज़ शक्‍ति क्षेत्र",
    "Ethiopic": "ውሻ ድመት",
    "Gujarati": "કૂતરો બિલાડી",
    "Gurmukhi": "ਕੁੱਤਾ ਬਿੱਲੀ",
    "Hangul": "강아지 고양이",
    "Hangul, decomposed": "\u1100\u1161\u11bc\u110b\u1161\u110c\u1175",
    "Hebrew with niqqud": "שָׁלוֹם כֶּלֶב צה״ל ג׳ירפה",
    "Kannada": "ನಾಯಿ ಬೆಕ್ಕು",
    "Latin": "l'homme tri-colored naïve straße İstanbul col·lecció state\u2010of\u2010the\u2010art",
    "Latin, decomposed": "de\u0301ja\u0300 vie\u0323\u0302t o\u0302\u0309 x\u0302y",
    "Malayalam": "നായ അവന്‍ പൂച്ച",
    "N'Ko": "ߒߞߏ ߓߟߏ߲",
    "Persian with joiners": "می‌خورد سگ‌ها",
    "Sinhala": "බල්ලා ශ්‍රී",
    "Tamil": "நாய் பூனை கொடு",
    "Telugu": "కుక్క పిల్లి",
    "Thaana": "ކުއްތާ",
    "digits": "३.५ ٣٫٥ 1,000 ½ 2nd १२३",
}
SYLLABLES = {
    "Burmese": ["ခွေး", "တ", "စ္ဆေ", "ကြော", "င်"],
    "Khmer": ["ឆ្កែ", "ខ្មែ", "រ"],
    "Lao": ["ໝ", "າ", "ນ້", "ອ", "ຍ"],
    "Thai": ["สุ", "นั", "ข", "น้", "ำ"],
    "Chinese": ["一", "只", "狗", "。"],
    "Chinese, a variant": ["葛\U000e0100", "城"],
    "Japanese": ["犬", "が", "ラ", "ー", "メ", "ン", "、"],
    "Japanese, half width": ["ｶﾞ", "ﾗ", "ｽ"],
}
STRANGE = (
    "\u200b\u200c\u200d\u200e\ufe0f\u20e3\u0301\u3099\u17d2\u1039\uff9e"
    "\U000e0067\u0600\u06dd\u05f3🏽👩🇩〰7#*(.'-·é圆กកကあＡ１ "
)
LETTERS = st.sampled_from([script for script in WORDS if "digits" not in script]).flatmap(
    lambda script: st.text(alphabet=sorted(set("".join(WORDS[script].split()))), min_size=1)
)
TEXTS = st.one_of(
    st.text(),
    st.text(alphabet=STRANGE),
    st.lists(LETTERS | st.sampled_from(EMOJI) | st.text(alphabet=STRANGE, max_size=3)).map(" ".join),
    st.lists(LETTERS | st.sampled_from(EMOJI) | st.sampled_from([*chain(*SYLLABLES.values())])).map("".join),
)


def without_spaces(text: str) -> str:
    return text.replace(" ", "")


@given(TEXTS)
@example("〰\u200d 〽")
@example("ក្ ក")
@example("( \u0301")
def test_joining_the_words_of_a_text_gives_it_back_up_to_spaces(text: str):
    words = WordTokenizer.split(text)
    joined = WordTokenizer.join(words)
    assert "".join(words) == without_spaces(joined) == without_spaces(normalised(text))
    assert WordTokenizer.split(joined) == words


@given(TEXTS)
def test_known_words_are_decoded_as_they_were_encoded(text: str):
    tokenizer = WordTokenizer(Vocabulary.of_words(WordTokenizer.split(text)))
    assert without_spaces(tokenizer.decode(tokenizer.encode(text))) == without_spaces(normalised(text))


@pytest.mark.parametrize("script", WORDS)
def test_a_word_is_whole_in_every_script(script: str):
    assert WordTokenizer.split(WORDS[script]) == [normalised(word) for word in WORDS[script].split()]
    assert WordTokenizer.join(WordTokenizer.split(WORDS[script])) == normalised(WORDS[script])


@given(LETTERS)
def test_no_mark_is_cut_from_its_letter(letters: str):
    """Whatever marks a letter carries, in whatever order."""
    for word in WordTokenizer.split("a" + letters):
        assert not regex.match(r"[\p{M}\u200c\u200d]", word)


@pytest.mark.parametrize("language", SYLLABLES)
def test_scripts_without_spaces_are_cut_into_letters_with_their_marks(language: str):
    syllables = SYLLABLES[language]
    assert WordTokenizer.split("".join(syllables)) == syllables
    assert WordTokenizer.join(syllables) == "".join(syllables)


@given(st.lists(st.sampled_from(EMOJI)))
def test_every_emoji_is_one_word_however_many_stand_together(emoji: list[str]):
    assert WordTokenizer.split("".join(emoji)) == WordTokenizer.split(" ".join(emoji)) == emoji
    assert WordTokenizer.split(f"dog{''.join(emoji)}, 犬{''.join(emoji)}") == ["dog", *emoji, ",", "犬", *emoji]


def test_words_of_full_width_letters_stay_apart():
    text = "赤い ｒｅｄ ｄｏｇ １２ ３"
    assert WordTokenizer.join(WordTokenizer.split(text)) == text


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_both_rules_cut_plain_english_alike(text: str):
    words = WordTokenizer.split(text)
    assert words == FirstWordTokenizer.split(text)
    assert WordTokenizer.join(words) == FirstWordTokenizer.join(words)


def test_both_rules_cut_our_own_sentences_alike():
    sentences = [
        *numerals.DIGITS.all_sentences(),
        *(text for language in languages() for text in Grammar(language).texts()),
    ]
    assert [WordTokenizer.split(text) for text in sentences] == [FirstWordTokenizer.split(text) for text in sentences]


HINDI = "एक लड़का"
HINDI_BY_RULES_1 = ["एक", "लड", "\u093c", "क", "ा"]


def test_an_old_checkpoint_reads_and_says_what_it_always_did():
    spec = DataSpec("folder", 8, 3, Vocabulary.of_words(HINDI_BY_RULES_1).tokens, max_length=9, tokenizer_rules=1)
    old = {key: value for key, value in spec.to_dict().items() if key != "tokenizer_rules"}
    tokenizer = tokenizer_of(DataSpec.from_dict(old))
    assert DataSpec.from_dict(old) == spec
    assert [tokenizer.vocabulary.tokens[i] for i in tokenizer.encode(HINDI)[1:-1]] == HINDI_BY_RULES_1
    assert tokenizer.decode(tokenizer.encode(HINDI)) == " ".join(HINDI_BY_RULES_1)


def test_a_new_data_spec_carries_the_new_rules():
    spec = DataSpec("folder", 8, 3, Vocabulary.of_words(WordTokenizer.split(HINDI)).tokens, max_length=9)
    tokenizer = tokenizer_of(DataSpec.from_dict(spec.to_dict()))
    assert tokenizer.decode(tokenizer.encode(HINDI)) == HINDI


def test_rules_that_nobody_knows_here_are_refused_by_their_number():
    with pytest.raises(ValueError, match=r"tokenizer_rules=3: this version of diptych knows the rules 1, 2; use the"):
        tokenizer_class("word", 3)
