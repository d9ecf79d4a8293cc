"""Text encoders are shown the training sentences before the first step."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from diptych.systems.training_captions import AT_ONCE, show_training_sentences
from diptych.text import tokenizer_of
from diptych.types import BOS_ID, EOS_ID, SPECIAL_TOKENS, DataSpec

SPEC = DataSpec("words", 8, 3, (*SPECIAL_TOKENS, "red", "blue"), max_length=6)


class Training:
    """Two captions an image; remembers which images were asked for."""

    def __init__(self, size):
        self.size, self.asked = size, []

    def captions_of(self, index):
        self.asked.append(index)
        return ("red", f"blue {index}")


class Reader(nn.Module):
    """Keeps what it is shown of three images."""

    def read_training_sentences(self, sentences):
        self.shown = list(sentences(3))


def shown(*parts, training):
    trainer = SimpleNamespace(datamodule=SimpleNamespace(splits={"train": training}))
    show_training_sentences(nn.ModuleList(parts), trainer, SPEC, tokenizer_of(SPEC))
    return parts


@pytest.mark.parametrize(("size", "number"), [(None, 3), (2, 2), (5, 5)])
def test_all_of_finite_data_is_read_and_of_endless_data_as_much_as_wanted(size, number):
    (reader,) = shown(Reader(), training=Training(size))
    assert [text for said in reader.shown for text in said.texts] == [
        text for i in range(number) for text in ("red", f"blue {i}")
    ]


def test_sentences_are_those_of_the_datas_tokenizer():
    (reader,) = shown(Reader(), training=Training(1))
    (said,) = reader.shown
    assert said.tokens.tolist() == [[BOS_ID, 4, EOS_ID, 0], [BOS_ID, 5, 3, EOS_ID]]
    assert torch.equal(said.mask, said.tokens != 0)


def test_captions_are_read_once_for_all_copies():
    training = Training(4)
    readers = shown(Reader(), nn.Linear(1, 1), nn.Sequential(Reader()), training=training)
    assert training.asked == [0, 1, 2, 3]
    assert readers[0].shown[0].texts == readers[2][0].shown[0].texts


def test_many_captions_come_in_parts():
    (reader,) = shown(Reader(), training=Training(AT_ONCE))
    assert [len(said.texts) for said in reader.shown] == [AT_ONCE, AT_ONCE]


def test_data_are_not_read_unless_somebody_asks():
    training = Training(4)
    shown(nn.Linear(1, 1), training=training)
    assert training.asked == []


def test_data_that_do_not_list_captions_are_refused_to_who_asks():
    with pytest.raises(ValueError, match="text_encoder: Reader reads the training captions, and data words do not"):
        show_training_sentences(nn.ModuleList([Reader()]), SimpleNamespace(), SPEC, tokenizer_of(SPEC))
