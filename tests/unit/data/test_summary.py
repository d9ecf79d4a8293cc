import pytest
import torch

from diptych.data import Example, ExampleRequest
from diptych.data.labelled import numerals
from diptych.data.summary import UNSOUND, summarise, unsound


def test_the_numbers_of_digits_are_those_of_their_phrasings(digits):
    summary = summarise(digits())
    test = summary["splits"]["test"]
    assert (test["pictures"], test["captions"], test["distinct_captions"]) == (360, 360 * 7, 70)
    lengths = [len(sentence.split()) for sentence in numerals.DIGITS.all_sentences()]
    assert test["tokens_per_caption"]["least"] == min(lengths)
    assert test["tokens_per_caption"]["most"] == max(lengths)
    assert test["unknown_share"] == 0
    word, count = summary["top_words"][0]
    assert (word, count) == ("a", sum(s.split().count("a") for d in range(10) for s in numerals.sentences(d) * n(d)))


def n(digit: int) -> int:
    from sklearn.datasets import load_digits

    return int((load_digits().target == digit).sum())


def test_the_summary_of_an_infinite_split_has_the_examined_number(scenes):
    train = summarise(scenes())["splits"]["train"]
    assert train["pictures"] is None
    assert train["examined"] == train["captions"] == 2000


def test_words_outside_the_vocabulary_are_counted(folder_data, good_folder):
    data = folder_data(good_folder)
    data.setup()
    splits = summarise(data)["splits"]
    assert splits["train"]["unknown_share"] == 0
    assert splits["test"]["unknown_share"] == pytest.approx(1 / 7)


@pytest.mark.parametrize("kind", ["digits", "scenes"])
def test_our_own_data_are_sound(kind, request):
    assert unsound(request.getfixturevalue(kind)(), examples=64) == {}


class Unsound:
    """One example of each fault."""

    images = (torch.full((1, 8, 8), 2.0), torch.zeros(1, 8, 8), torch.eye(8)[None], torch.eye(8)[None] * torch.nan)
    size = 4

    def captions_of(self, index: int) -> tuple[str, ...]:
        return ("a zebra",) if index == 2 else ("a two",)

    def __getitem__(self, request: ExampleRequest) -> Example:
        captions = self.captions_of(request.index)
        return Example(str(request.index), captions, captions, self.images[request.index])


def test_faults_are_found_and_named(digits):
    data = digits(image_size=8, batch_size=4)
    data.splits = {"val": Unsound(), "test": data.splits["test"]}
    found = unsound(data, examples=4)
    assert found == {"out_of_range": ["0", "3"], "one_colour": ["0", "1"], "unknown_words": ["2"]}
    assert set(found) <= set(UNSOUND)


def test_an_empty_split_is_a_fault(digits):
    assert unsound(digits(val_size=0), examples=8) == {"empty_splits": ["val"]}
