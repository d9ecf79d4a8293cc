import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.config import composition
from diptych.data import DigitsData
from diptych.data.division import Division, stratified


def test_every_example_validates_in_one_fold_and_trains_in_the_others():
    examples = list(range(23))
    parts = [Division(fold=fold, num_folds=4).divided(examples, 5) for fold in range(4)]
    assert sorted(example for _, val in parts for example in val) == examples
    for train, val in parts:
        assert sorted([*train, *val]) == examples


def test_without_a_fold_the_first_examples_validate():
    assert Division().divided("abcde", 2) == (["c", "d", "e"], ["a", "b"])


def test_a_smaller_training_set_is_part_of_a_larger_one_and_validation_stays():
    for settings in ({}, {"fold": 1, "num_folds": 4}):
        (few, val), (more, same), (every, _) = (
            Division(train_size=size, **settings).divided(range(40), 10) for size in (3, 9, None)
        )
        assert (few, len(more), val) == (more[:3], 9, same)
        assert set(more) < set(every)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"train_size": 0}, "set 1 to 3"),
        ({"train_size": 4}, "train_size=4"),
        ({"fold": 5}, "fold=5"),
        ({"fold": -1}, "fold=-1"),
        ({"fold": 0, "num_folds": 1}, "num_folds=1"),
    ],
)
def test_impossible_folds_are_refused(settings, named):
    with pytest.raises(ValueError, match=named):
        Division(**settings).divided("abcde", 2)


def digits(override):
    config = composition.compose(["model=dcgan", "data=digits", override])["data"]
    data = DigitsData(**{key: value for key, value in config.items() if key != "_target_"})
    data.setup()
    return data.splits


def test_few_digits_are_stratified():
    train = digits("data.train_size=100")["train"]
    counts = [train.labels[number] for number in train.chosen]
    assert {counts.count(label) for label in range(10)} <= {9, 10, 11}


def test_the_folds_of_the_digits_share_no_picture_and_never_touch_the_test_split():
    def keys(fold, split):
        return set(digits(f"data.fold={fold}")[split].chosen)

    folds = [keys(fold, "val") for fold in range(5)]
    assert len(set().union(*folds)) == sum(map(len, folds)) == 1797 - 360
    assert keys(0, "test") == keys(4, "test")
    assert not keys(0, "test") & set().union(*folds)
    assert not keys(0, "train") & folds[0]


@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_every_prefix_of_a_stratified_order_has_each_group_s_share(sizes):
    groups = [[(group, number) for number in range(size)] for group, size in enumerate(sizes)]
    order = stratified(groups, by=lambda member: member)
    assert sorted(order) == sorted(member for group in groups for member in group)
    for group, members in enumerate(groups):
        assert [member for member in order if member[0] == group] == members
        for length in range(len(order) + 1):
            held = sum(member[0] == group for member in order[:length])
            assert abs(held - length * len(members) / len(order)) <= (len(groups) + 1) / 2
