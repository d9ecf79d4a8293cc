import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diptych.text import CharTokenizer, Vocabulary, WordTokenizer, tokenizer_of
from diptych.text.tokenizers import normalised
from diptych.types import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, UNK_ID, DataSpec

MIXED = "一个red圆形 \uff0c。don't '\u2019s3.5-.,()"
TEXTS = st.text() | st.text(alphabet=MIXED)


def word_tokenizer(*sentences: str, max_length: int | None = None) -> WordTokenizer:
    return WordTokenizer(Vocabulary.of_words(w for s in sentences for w in WordTokenizer.split(s)), max_length)


@given(TEXTS)
def test_joining_and_splitting_again_gives_the_same_words(text: str):
    tokens = WordTokenizer.split(text)
    assert WordTokenizer.split(WordTokenizer.join(tokens)) == tokens


@given(TEXTS)
def test_no_character_is_lost_but_white_space(text: str):
    assert "".join(WordTokenizer.split(text)) == normalised(text).replace(" ", "")


@given(TEXTS)
def test_characters_give_the_text_back_exactly(text: str):
    tokenizer = CharTokenizer(Vocabulary.of_words(CharTokenizer.split(text)))
    assert tokenizer.decode(tokenizer.encode(text)) == normalised(text)


@given(TEXTS, st.integers(2, 12))
def test_an_encoded_sentence_is_framed_and_never_longer_than_allowed(text: str, max_length: int):
    ids = word_tokenizer(text, max_length=max_length).encode(text)
    assert ids[0] == BOS_ID
    assert ids[-1] == EOS_ID
    assert len(ids) == min(max_length, len(WordTokenizer.split(text)) + 2)
    assert not {PAD_ID, BOS_ID, EOS_ID, UNK_ID} & set(ids[1:-1])


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A red circle.", ["a", "red", "circle", "."]),
        ("two dogs , a man 's hat", ["two", "dogs", ",", "a", "man", "'s", "hat"]),
        ("the man's tri-colored dog", ["the", "man", "'s", "tri-colored", "dog"]),
        ("don't pay 3.50!", ["don't", "pay", "3.50", "!"]),
        ("红色的圆形。", ["红", "色", "的", "圆", "形", "。"]),
        ("一个red圆", ["一", "个", "red", "圆"]),
        ("it's圆", ["it", "'s", "圆"]),
    ],
)
def test_words_are_what_people_would_call_words(text: str, tokens: list[str]):
    assert WordTokenizer.split(text) == tokens


def test_both_spellings_of_an_apostrophe_are_one():
    assert WordTokenizer.split("man\u2019s") == WordTokenizer.split("man's")


def test_both_spellings_of_an_accent_are_one_word():
    assert WordTokenizer.split("cafe\u0301") == WordTokenizer.split("CAF\u00c9") == ["caf\u00e9"]


@pytest.mark.parametrize("text", ["a man's hat, (red) and blue.", "一个小的红色圆形在一个大的蓝色方形的上方。"])
def test_decoding_writes_as_people_do(text: str):
    tokenizer = word_tokenizer(text)
    assert tokenizer.decode(torch.tensor(tokenizer.encode(text))) == text


def test_decoding_stops_at_the_end_and_skips_padding():
    tokenizer = word_tokenizer("a red circle")
    ids = tokenizer.encode("a red circle")
    assert tokenizer.decode([*ids, PAD_ID, PAD_ID]) == tokenizer.decode([*ids, *ids]) == "a red circle"


def test_sentences_side_by_side_are_padded_to_the_longest():
    tokenizer = word_tokenizer("a red circle")
    tokens, mask = tokenizer.encode_batch(["a red circle", "a circle"])
    assert tokens.tolist() == [tokenizer.encode("a red circle"), [*tokenizer.encode("a circle"), PAD_ID]]
    assert mask.sum(1).tolist() == [5, 4]


def test_an_unknown_word_is_said_to_be_unknown():
    tokenizer = word_tokenizer("a circle")
    assert tokenizer.encode("a zebra") == [BOS_ID, 4, UNK_ID, EOS_ID]
    assert tokenizer.decode(tokenizer.encode("a zebra")) == "a <unk>"


def test_a_data_spec_names_its_tokenizer():
    spec = DataSpec("x", 8, 1, (*SPECIAL_TOKENS, "a", "b"), max_length=3, tokenizer="char")
    tokenizer = tokenizer_of(spec)
    assert isinstance(tokenizer, CharTokenizer)
    assert tokenizer.encode("ab") == [BOS_ID, 4, EOS_ID]


def test_a_misspelt_tokenizer_names_the_choices():
    with pytest.raises(ValueError, match="'wrod'; choose one of word, char"):
        tokenizer_of(DataSpec("x", 8, 1, SPECIAL_TOKENS, max_length=3, tokenizer="wrod"))
