"""Byte pairs lose nothing, in any script."""

import os
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.text import tokenizer_class, tokenizer_of
from diptych.text.tokenizers import normalised
from diptych.types import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, UNK_ID, DataSpec

pytest.importorskip("tokenizers", reason="the extra `transformers` is not installed")

CAPTIONS = (
    "a red circle above a blue square",
    "红色的圆在上面",
    "एक लाल वृत्त",
    "วงกลมสีแดง",
    "красный круг",
    "دائرة حمراء",
) * 3
SCRIPTS = (
    st.sampled_from(CAPTIONS) | st.text() | st.text(alphabet="aé红एวкد👩\u200d🏽 '\u0301") | st.just("<pad> <eos>")
)


def learned(num_tokens: int = 320, captions=CAPTIONS) -> DataSpec:
    cutter = tokenizer_class("bpe").cutter(captions, num_tokens)
    vocabulary = cutter.closed_vocabulary(()).tokens
    return DataSpec("captions", 8, 3, vocabulary, max_length=1_000, tokenizer="bpe", subwords=cutter.subwords)


SPEC = learned()
TOKENIZER = tokenizer_of(SPEC)


@settings(max_examples=50)
@given(SCRIPTS)
def test_byte_pairs_give_normalised_text_back_exactly_and_know_every_word(text: str):
    ids = TOKENIZER.encode(text)
    assert TOKENIZER.decode(ids) == normalised(text)
    assert (ids[0], ids[-1]) == (BOS_ID, EOS_ID)
    assert not {PAD_ID, BOS_ID, EOS_ID, UNK_ID} & set(ids[1:-1])


@settings(max_examples=20)
@given(SCRIPTS)
def test_a_checkpoint_brings_the_same_tokenizer_back(text: str):
    restored = tokenizer_of(DataSpec.from_dict(SPEC.to_dict()))
    assert restored.encode(text) == TOKENIZER.encode(text)


def test_learning_again_learns_the_same():
    assert learned() == learned()


def test_frequent_words_are_single_tokens_and_others_are_not():
    spec = learned(300, ("a red circle", "a red square", "red circle"))
    assert spec.vocabulary[:4] == SPECIAL_TOKENS
    assert len(SPEC.vocabulary) == 320
    assert tokenizer_of(spec).split("A red  circle") == ["a", "Ġred", "Ġcircle"]
    assert len(tokenizer_of(spec).split("zyzzyva")) > 3


def test_long_sentences_are_cut_to_the_length():
    spec = DataSpec.from_dict({**SPEC.to_dict(), "max_length": 6})
    ids = tokenizer_of(spec).encode("a red circle above a blue square")
    assert len(ids) == 6
    assert ids[-1] == EOS_ID


def test_a_tokenizer_travels_to_a_worker_and_learning_leaves_the_environment_alone(monkeypatch):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    learned()
    assert "TOKENIZERS_PARALLELISM" not in os.environ
    assert pickle.loads(pickle.dumps(TOKENIZER)).encode("a red 红") == TOKENIZER.encode("a red 红")


@pytest.mark.parametrize("number", [None, 10, 259])
def test_too_few_tokens_are_refused(number):
    with pytest.raises(ValueError, match="tokenizer=bpe learns so many tokens, 260 for single bytes"):
        tokenizer_class("bpe").cutter(CAPTIONS, number)


@pytest.mark.parametrize("kind", ["word", "char"])
def test_tokenizers_that_do_not_learn_take_no_number_of_tokens(kind):
    with pytest.raises(ValueError, match=f"data.num_tokens=500: tokenizer={kind} has as many tokens"):
        tokenizer_class(kind).cutter(CAPTIONS, 500)


def test_tokens_are_shown_as_people_read_them():
    tokenizer = tokenizer_of(learned(300, ("a red circle", "a red square", "red circle")))
    shown = [tokenizer.shown(token) for token in tokenizer.split("a red circle")]
    assert shown == ["a", " red", " circle"]
    assert not any("Ġ" in text for text in shown)
    assert tokenizer.shown("<unk>") == "<unk>"
