from collections import Counter

import pytest
import torch
from sklearn.datasets import load_digits

from diptych.data import ExampleRequest
from diptych.data.labelled import numerals
from diptych.text import tokenizer_of
from diptych.types import UNK_ID


def _numbers(split) -> set[int]:
    return set(split.chosen)


def test_every_picture_is_in_one_split(digits):
    splits = digits().splits
    assert {name: split.size for name, split in splits.items()} == {"train": 1257, "val": 180, "test": 360}
    assert set().union(*map(_numbers, splits.values())) == set(range(1797))


def test_the_splits_are_stratified_by_digit(digits):
    labels = load_digits().target.tolist()
    whole = Counter(labels)
    for split in digits().splits.values():
        counts = Counter(labels[number] for number in split.chosen)
        assert all(abs(counts[d] - split.size * whole[d] / 1797) <= 1.5 for d in range(10))


def test_at_their_own_size_the_pictures_are_the_originals_scaled(digits):
    split = digits(image_size=8).splits["test"]
    example = split[ExampleRequest(5)]
    original = torch.from_numpy(load_digits().images[split.chosen[5]]).float()
    assert torch.equal(example.image, (original / 8 - 1)[None])


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (32, 3)])
def test_enlarged_pictures_keep_their_range_and_their_mean(digits, size, channels):
    data = digits(image_size=size, channels=channels)
    batch = next(iter(data.val_dataloader()))
    originals = next(iter(digits(image_size=8).val_dataloader())).images
    assert batch.images.shape == (8, channels, size, size)
    assert batch.images.abs().max() <= 1
    assert torch.allclose(batch.images.mean((1, 2, 3)), originals.mean((1, 2, 3)), atol=0.05)


def test_captions_name_the_digit_in_the_picture(digits):
    data = digits()
    tokenizer = tokenizer_of(data.spec)
    labels = load_digits().target
    for batch in (next(iter(data.train_dataloader())), next(iter(data.test_dataloader()))):
        for key, row, references in zip(batch.keys, batch.tokens, batch.references, strict=True):
            sentences = numerals.sentences(labels[int(key.split("/")[1])])
            assert references == sentences
            assert tokenizer.decode(row[0]) in sentences


def test_training_uses_every_phrasing(digits):
    split = digits().splits["train"]
    said = {split[ExampleRequest(0, draw)].sentences[0] for draw in range(100)}
    assert said == set(split.captions_of(0))


@pytest.mark.parametrize("tokenizer", ["word", "char"])
def test_no_caption_has_an_unknown_word_or_is_cut(digits, tokenizer):
    encoder = tokenizer_of(digits(tokenizer=tokenizer).spec)
    for sentence in numerals.DIGITS.all_sentences():
        ids = encoder.encode(sentence)
        assert UNK_ID not in ids
        assert encoder.decode(ids) == sentence


def test_different_digits_share_no_caption():
    assert len(set(numerals.DIGITS.all_sentences())) == len(numerals.DIGITS.all_sentences())


@pytest.mark.parametrize("sizes", [{"val_size": 1500, "test_size": 297}, {"val_size": -1}])
def test_sizes_that_leave_nothing_to_train_on_are_refused(digits, sizes):
    with pytest.raises(ValueError, match=r"data\.val_size=.*1,797 pictures"):
        digits(**sizes)
