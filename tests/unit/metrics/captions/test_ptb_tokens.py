"""Penn Treebank words; what Stanford's tokenizer says of these was asked of it, none are captions of a data set."""

import pytest

import ptb_tokenizer as benchmark
from diptych.metrics.captions.ptb import split_ptb


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("A man's dogs' (red) ball.", "a man 's dogs -lrb- red -rrb- ball"),
        ("They don't, can't and cannot: it's gonna rain!", "they do n't ca n't and can not it 's gon na rain"),
        ("end?! wow!! ok?", "end ?! wow !! ok"),
        ("'hello there' “quoted” -- and… so—on", "hello there quoted and so on"),
        ("St. Louis, Sunset Blvd. at 5 p.m. etc.", "st. louis sunset blvd. at 5 p.m. etc."),
        ("no. 5 says no.", "no. 5 says no"),
        ("Plan B. The man, plan B. the man", "plan b the man plan b. the man"),
        ("AT&T, b&w, his/her, 1/2, w/ 1,000 at 10:30am", "at&t b & w his/her 1/2 w / 1,000 at 10:30 am"),
        ("1 1/2 cups, ½ cup", "1\u00a01/2 cups 1/2 cup"),
        ("$5 or €5, 50% of #1", "$ 5 or $ 5 50 % of # 1"),
        ("o'clock ma'am rock 'n' roll y'all '50s 1950's", "o'clock ma'am rock 'n' roll y' all '50s 1950 's"),
        ("two- and four-legged x-ray", "two and four-legged x-ray"),
        ("can., bat; word.", "can. bat word"),
        ("café 🐕 dog", "café dog"),
        ("  \n ", ""),
    ],
)
def test_captions_are_cut_as_the_treebank_cuts_them(raw, words):
    assert split_ptb(raw) == words


def test_reading_word_by_word_is_reading_the_whole():
    """The remembered words of a caption are those of the caption read at once."""
    from diptych.metrics.captions.ptb import _read

    for caption in ("A man's hat, don't (you) see?", 'the U.S. Open; it\'s "great"...', "A black-and-white t.v."):
        assert split_ptb(caption) == _read(caption)


@pytest.mark.parametrize(("kind", "least"), [("ordinary captions", 0.999), ("hard pairs", 0.97)])
def test_captions_it_was_not_developed_on_are_cut_as_stanford_does(shared_data, kind, least):
    same, total = benchmark.agreement(benchmark.read_pairs(shared_data)[kind], "held out")
    assert total > 1000
    assert same / total >= least
