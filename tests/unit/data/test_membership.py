"""Examples are known again by name and by content, wherever they lie."""

import shutil

import pytest

from diptych.data.membership import Identity, Membership, identities_of


def opened(data):
    data.setup("fit")
    return data


def test_a_copy_has_another_name_and_the_same_content(folder_data, good_folder):
    train = opened(folder_data(good_folder)).splits["train"]
    known, (first, *_) = Membership.of(train), train.pictures
    shutil.copyfile(first.path, copy := first.path.with_name("copy.png"))
    again = [Identity.of("copy.png", copy.read_bytes()), Identity.of(first.key, b"other bytes")]
    assert known.has_contents_of(again) == [True, False]
    assert known.has_names_of(again) == [False, True]


def test_a_membership_reads_back_as_it_was_written(folder_data, good_folder):
    known = Membership.of(opened(folder_data(good_folder)).splits["train"])
    assert len(known.identities) == 6
    assert Membership.from_text(known.to_text()) == known
    with pytest.raises(ValueError, match="two digests"):
        Membership.from_text("one\n")


def test_a_digit_is_the_same_at_any_size_and_in_any_split(digits):
    small, other = digits(image_size=8), digits(val_size=20, test_size=700)
    known = Membership.of(small.splits["train"])
    seen = known.has_contents_of(identities_of(other.splits["test"]))
    assert sum(seen) == 700 - 360 - 180
    assert not any(known.has_names_of(identities_of(small.splits["test"])))


def test_endless_data_have_no_membership(scenes):
    assert Membership.of(scenes().splits["train"]) is None


def test_a_folder_that_nobody_trains_on_is_one_split_unless_it_has_its_own(folder_data, good_folder, write_jsonl):
    data = folder_data(good_folder)
    data.splits_by_share = False
    assert {name: split.size for name, split in opened(data).splits.items()} == {"all": 10}
    split_of = {i: "val" if i < 3 else None for i in range(10)}
    entries = [{"file_name": f"{i}.png", "text": "plain", "split": split} for i, split in split_of.items()]
    write_jsonl(good_folder / "metadata.jsonl", entries)
    data = folder_data(good_folder)
    data.splits_by_share = False
    assert {name: split.size for name, split in opened(data).splits.items()} == {"val": 3, "train": 7}
