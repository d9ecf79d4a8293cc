import pytest

from diptych.config import composition
from diptych.data import DigitsData
from diptych.data.folds import Folds


def test_every_example_validates_in_one_fold_and_trains_in_the_others():
    examples = list(range(23))
    parts = [Folds(fold=fold, num_folds=4).divided(examples, 5) for fold in range(4)]
    assert sorted(example for _, val in parts for example in val) == examples
    for train, val in parts:
        assert sorted([*train, *val]) == examples


def test_without_a_fold_the_first_examples_validate():
    assert Folds().divided("abcde", 2) == (["c", "d", "e"], ["a", "b"])


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"fold": 5}, "fold=5"), ({"fold": -1}, "fold=-1"), ({"fold": 0, "num_folds": 1}, "num_folds=1")],
)
def test_impossible_folds_are_refused(settings, named):
    with pytest.raises(ValueError, match=named):
        Folds(**settings).divided("abcde", 2)


def test_the_folds_of_the_digits_share_no_picture_and_never_touch_the_test_split():
    def keys(fold, split):
        config = composition.compose(["model=dcgan", "data=digits", f"data.fold={fold}"])["data"]
        data = DigitsData(**{key: value for key, value in config.items() if key != "_target_"})
        data.setup()
        return set(data.splits[split].chosen)

    folds = [keys(fold, "val") for fold in range(5)]
    assert len(set().union(*folds)) == sum(map(len, folds)) == 1797 - 360
    assert keys(0, "test") == keys(4, "test")
    assert not keys(0, "test") & set().union(*folds)
    assert not keys(0, "train") & folds[0]
