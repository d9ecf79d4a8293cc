"""What `diptych generate` makes of words, before any run is loaded."""

import pytest

from diptych.cli.generate import read_seeds


@pytest.mark.parametrize(("text", "seeds"), [("3", 3), ("3,4,5", [3, 4, 5]), ("-1", -1), ("random", None)])
def test_seeds_are_one_several_or_random(text, seeds):
    assert read_seeds(text) == seeds


def test_other_words_are_no_seed():
    with pytest.raises(ValueError, match="invalid literal"):
        read_seeds("some")
