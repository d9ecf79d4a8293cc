"""The same examples have the same record, wherever they lie; other examples have another one."""

import hashlib
import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diptych.data.identity import difference, record_of


@pytest.fixture
def record(folder_data):
    def record(root, **changes):
        data = folder_data(root, **changes)
        data.setup()
        return record_of(data.splits)

    return record


def test_moved_pictures_are_the_same_examples(good_folder, record, tmp_path_factory):
    moved = shutil.copytree(good_folder, tmp_path_factory.mktemp("elsewhere") / "moved")
    assert difference(record(good_folder), record(moved)) == ""


def test_a_caption_file_may_have_another_name(good_folder, record):
    before = record(good_folder)
    (good_folder / "metadata.jsonl").rename(good_folder / "told.jsonl")
    assert difference(before, record(good_folder, captions="told.jsonl")) == ""


def test_other_examples_are_named_by_what_differs(good_folder, record):
    before = record(good_folder)
    path = good_folder / "metadata.jsonl"
    text = path.read_text()

    path.write_text(text.replace("a plain picture", "a plainer picture"))
    assert "their captions differ" in difference(before, record(good_folder))

    path.write_text(text)
    Image.new("RGB", (99, 30)).save(good_folder / "0.png")
    assert "their sizes differ" in difference(before, record(good_folder))

    path.write_text("\n".join(text.splitlines()[1:]))
    assert "examples instead of" in difference(before, record(good_folder))


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers() | st.text() | st.none()), max_size=5))
def test_a_record_has_the_digest_of_all_facts_of_a_kind_as_one_list(told):
    """As records of finished runs have it; an example that says nothing of a kind counts as null."""

    class Told:
        size = len(told)

        def captions_of(self, index):
            return (f"caption {index}",)

        def facts_of(self, index):
            return told[index]

    def digest(facts):
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]

    kinds = {kind for facts in told for kind in facts}
    expected = {kind: digest([facts.get(kind) for facts in told]) for kind in kinds}
    captions = {"captions": digest([(f"caption {index}",) for index in range(len(told))])} if told else {}
    assert record_of({"train": Told()}) == {"train": {"examples": len(told), **expected, **captions}}


def test_other_shares_are_other_splits(good_folder, record):
    assert "examples instead of" in difference(record(good_folder), record(good_folder, val_share=0.4))


def test_endless_examples_have_no_digest(scenes):
    assert record_of({"train": scenes().splits["train"]}) == {"train": {"examples": None}}
