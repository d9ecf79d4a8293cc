import json
import logging
import os
import struct
import sys
import tempfile
import unicodedata
from itertools import islice
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from diptych.cli.main import main
from diptych.data import ExampleRequest
from diptych.text import tokenizer_of
from diptych.types import UNK_ID


@pytest.fixture
def broken_folder(good_folder, write_jsonl):
    """Ten good pictures, and one problem of every kind."""
    whole = (good_folder / "0.png").read_bytes()
    (good_folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (good_folder / "silent.png").write_bytes(whole)
    (good_folder / "blank.png").write_bytes(whole)
    (good_folder / "unlisted.png").write_bytes(whole)
    (good_folder.parent / "outside.png").write_bytes(whole)
    with (good_folder / "metadata.jsonl").open("a") as file:
        file.write('{"file_name": "cut.png", "text": "half a picture"}\n')
        file.write('{"file_name": "gone.png", "text": "not there"}\n')
        file.write('{"file_name": "../outside.png", "text": "next door"}\n')
        file.write('{"file_name": "blank.png", "text": " "}\n')
        file.write('{"file_name": "silent.png"}\n')
        file.write('{"file_name": "0.png", "text": "a plain picture"}\n')
        file.write("not json\n")
    return good_folder


FOUND = {
    "malformed_lines": ["metadata.jsonl:17 (Expecting value)"],
    "repeated_captions": ["metadata.jsonl:16 (0.png: a plain picture)"],
    "empty_captions": ["metadata.jsonl:14 (blank.png)"],
    "outside_paths": ["../outside.png"],
    "missing_files": ["gone.png"],
    "pictures_without_captions": ["blank.png", "silent.png"],
    "undecodable_files": ["cut.png"],
    "unlisted_files": ["unlisted.png"],
}


def test_a_good_folder_has_no_problems(folder_data, good_folder):
    findings = folder_data(good_folder).inspect()
    assert findings.problems == {}
    assert len(findings.pictures) == 10


def test_every_problem_is_counted_and_named(folder_data, broken_folder):
    findings = folder_data(broken_folder).inspect()
    assert findings.problems == FOUND
    assert sorted(picture.key for picture in findings.pictures) == [f"{i}.png" for i in range(10)]


def test_a_caption_that_two_people_wrote_counts_twice_and_stops_nothing(folder_data, good_folder):
    with (good_folder / "metadata.jsonl").open("a") as file:
        file.write('{"file_name": "0.png", "text": "a plain picture"}\n')
    data = folder_data(good_folder)
    data.setup()
    (captions,) = [picture.captions for picture in data.inspect().pictures if picture.key == "0.png"]
    assert captions.count("a plain picture") == 2


def test_problems_stop_training_with_one_message_that_names_the_fix(folder_data, broken_folder):
    with pytest.raises(ValueError, match=r"data\.root=") as error:
        folder_data(broken_folder).setup()
    message = str(error.value)
    for kind, names in FOUND.items():
        if kind not in ("repeated_captions", "unlisted_files"):
            assert names[0] in message
    assert f"`diptych data check {broken_folder}`" in message
    assert "data.on_error=skip leaves that out, with 10 good pictures" in message


def test_the_named_command_contains_the_configured_files(folder_data, good_folder):
    (good_folder / "0.png").unlink()
    given = {"captions": {"train": "metadata.jsonl"}, "images": "."}
    with pytest.raises(ValueError, match=r"check \S+ 'data.captions=\{train:metadata.jsonl\}' data.images=\.`"):
        folder_data(good_folder, **given).setup()


def test_skipping_trains_on_the_good_pictures_and_counts_the_others(folder_data, broken_folder, caplog):
    data = folder_data(broken_folder, on_error="skip")
    with caplog.at_level(logging.WARNING, logger="diptych"):
        data.setup()
    assert "files that cannot be decoded: 1 (cut.png)" in caplog.text
    assert "10 good pictures remaining" in caplog.text
    keys = {key for batch in islice(data.train_dataloader(), 10) for key in batch.keys}
    assert keys <= {f"{i}.png" for i in range(10)}
    assert sum(split.size for split in data.splits.values()) == 10


def test_a_picture_that_no_caption_names_does_not_stop_training(folder_data, good_folder, caplog):
    (good_folder / "extra.png").write_bytes((good_folder / "0.png").read_bytes())
    with caplog.at_level(logging.WARNING, logger="diptych"):
        folder_data(good_folder).setup()
    assert "never named: 1 (extra.png)" in caplog.text


def test_many_problems_are_named_by_their_first_few(folder_data, good_folder):
    for i in range(9):
        (good_folder / f"{i}.png").unlink()
    with pytest.raises(ValueError, match=r"missing: 9 \(0\.png, 1\.png, 2\.png, …\)"):
        folder_data(good_folder).setup()


@pytest.mark.parametrize("name", ["../outside.png", "/etc/outside.png", "sub/../../outside.png", ".."])
def test_no_path_may_leave_the_folder(folder_data, good_folder, write_jsonl, name):
    (good_folder.parent / "outside.png").write_bytes((good_folder / "0.png").read_bytes())
    write_jsonl(good_folder / "metadata.jsonl", [{"file_name": name, "text": "next door"}])
    findings = folder_data(good_folder).inspect()
    assert findings.problems["outside_paths"] == [os.path.normpath(name)]
    assert findings.pictures == []


def test_different_paths_of_one_picture_are_one_picture(folder_data, good_folder, write_jsonl):
    names = ["0.png", "./0.png", "sub/../0.png"]
    write_jsonl(good_folder / "metadata.jsonl", [{"file_name": n, "text": f"as {n}"} for n in names])
    (picture,) = folder_data(good_folder).inspect().pictures
    assert picture.captions == [f"as {name}" for name in names]


def test_one_id_for_two_files_is_a_duplicate(folder_data, good_folder, write_jsonl):
    entries = [{"file_name": f"{i}.png", "text": "a picture", "id": 7} for i in (0, 1)]
    write_jsonl(good_folder / "metadata.jsonl", entries)
    assert folder_data(good_folder).inspect().problems["duplicate_ids"] == ["metadata.jsonl:2 (id 7: 0.png, 1.png)"]


def test_a_picture_in_two_splits_stays_in_the_first_and_is_reported(folder_data, good_folder, write_jsonl):
    write_jsonl(good_folder / "val.jsonl", [{"file_name": "3.png", "text": "seen in training"}])
    findings = folder_data(good_folder, captions={"train": "metadata.jsonl", "val": "val.jsonl"}).inspect()
    assert findings.problems == {"duplicate_ids": ["3.png"]}
    assert {picture.split for picture in findings.pictures} == {"train"}


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_are_square_rgb_pictures_with_their_own_captions(folder_data, good_folder, workers):
    data = folder_data(good_folder, num_workers=workers)
    data.setup()
    tokenizer = tokenizer_of(data.spec)
    for batch in islice(data.train_dataloader(), 4):
        assert batch.images.shape == (4, 3, 16, 16)
        for i, key in enumerate(batch.keys):
            number = int(key.split(".")[0])
            assert batch.references[i] == (f"Picture number {number}.", "a plain picture")
            assert tokenizer.decode(batch.tokens[i, 0]) in (f"picture number {number}.", "a plain picture")
            colour = torch.tensor([25 * number, 100, 200]) / 127.5 - 1
            assert torch.allclose(batch.images[i].mean((1, 2)), colour, atol=1e-5)


def test_an_example_is_a_function_of_seed_and_draw(folder_data, good_folder):
    for i in range(10):
        Image.effect_noise((40, 20), 80).convert("RGB").save(good_folder / f"{i}.png")
    one, same, other = (folder_data(good_folder, seed=seed) for seed in (0, 0, 1))
    for data in (one, same, other):
        data.setup()
    drawn, drawn_again, drawn_otherwise = (
        torch.stack([data.splits["train"][ExampleRequest(0, draw)].image for draw in range(8)])
        for data in (one, same, other)
    )
    assert torch.equal(drawn, drawn_again)
    assert not torch.equal(drawn, drawn_otherwise)
    assert len(drawn.unique(dim=0)) > 4
    assert torch.equal(one.splits["train"][ExampleRequest(0)].image, other.splits["train"][ExampleRequest(0)].image)


def test_the_vocabulary_comes_from_the_train_captions_alone(folder_data, good_folder):
    data = folder_data(good_folder)
    data.setup()
    trained = {number for p in data.splits["train"].pictures for number in p.captions[0].split() if number[0].isdigit()}
    numbers = {token for token in data.spec.vocabulary if token.isdigit()}
    assert numbers == {number.rstrip(".") for number in trained}
    held_out = data.splits["test"].pictures[0].captions[0]
    assert UNK_ID in tokenizer_of(data.spec).encode(held_out)


def test_few_pictures_train_and_the_held_out_ones_stay(folder_data, good_folder):
    def keys(size):
        data = folder_data(good_folder, train_size=size)
        data.setup()
        return {name: [picture.key for picture in split.pictures] for name, split in data.splits.items()}

    every, few = keys(None), keys(3)
    assert len(few["train"]) == 3
    assert set(keys(2)["train"]) < set(few["train"]) < set(every["train"])
    assert (few["val"], few["test"]) == (every["val"], every["test"])


def test_the_vocabulary_of_few_pictures_is_theirs(folder_data, good_folder):
    data = folder_data(good_folder, train_size=2)
    data.setup()
    trained = {word.rstrip(".") for p in data.splits["train"].pictures for word in p.captions[0].split()}
    assert {token for token in data.spec.vocabulary if token.isdigit()} == {word for word in trained if word.isdigit()}
    assert len(data.splits["train"].pictures) == 2


def test_rare_words_become_unknown(folder_data, good_folder):
    data = folder_data(good_folder, min_count=3)
    data.setup()
    assert not any(token.isdigit() for token in data.spec.vocabulary)
    assert "picture" in data.spec.vocabulary


def test_long_captions_are_cut_and_counted(folder_data, good_folder, caplog):
    data = folder_data(good_folder, max_length=5, val_share=0.0, test_share=0.0)
    with caplog.at_level(logging.WARNING, logger="diptych"):
        data.setup()
    assert "10 of 20 captions have more than data.max_length=5 tokens (the longest 6)" in caplog.text
    assert next(iter(data.train_dataloader())).tokens.shape[-1] == 5
    assert data.spec.max_length == 5


def test_a_picture_that_vanishes_later_is_named(folder_data, good_folder):
    data = folder_data(good_folder)
    data.setup()
    first = data.splits["train"].pictures[0]
    first.path.unlink()
    with pytest.raises(ValueError, match=first.key):
        data.splits["train"][ExampleRequest(0)]


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_folder_without_good_pictures_is_refused(folder_data, good_folder, on_error):
    for path in good_folder.glob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"data\.root="):
        folder_data(good_folder, on_error=on_error).setup()


def test_real_coco_captions_match_their_pictures(folder_data, shared_data):
    data = folder_data(
        shared_data / "coco_mini",
        captions={"train": "annotations/captions_train2017.json", "val": "annotations/captions_val2017_all159.json"},
    )
    data.setup()
    assert data.splits["train"].size + data.splits["test"].size == 80
    assert data.splits["val"].size == 159
    batch = next(iter(data.val_dataloader()))
    assert {len(references) for references in batch.references} == {5}
    assert batch.images.std() > 0.3


def test_a_max_length_without_room_for_a_word_is_refused(good_folder, folder_data):
    with pytest.raises(ValueError, match=r"data\.max_length=2"):
        folder_data(good_folder, max_length=2)


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)


@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=4), names=st.lists(ANY_TEXT, min_size=4, max_size=4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_check_accepts_trains_and_scores_whatever_its_text(folder_data, texts, names):
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        entries = [{"file_name": f"{i}.png", "text": text, "id": names[i]} for i, text in enumerate(texts)]
        for entry in entries:
            Image.new("RGB", (3, 3)).save(folder / entry["file_name"])
        (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, entries)))
        data = folder_data(folder, on_error="skip", val_share=0, test_share=0, batch_size=1)
        findings = data.inspect()
        good = {picture.key for picture in findings.pictures}
        problems = str(findings.problems)
        assert all(f"{i}.png" in good or f"metadata.jsonl:{i + 1} " in problems for i in range(len(texts)))
        if not findings.pictures:
            return
        data.setup()
        batch = next(iter(data.train_dataloader()))
        assert batch.keys[0] in good
        json.dumps(data.spec.vocabulary, ensure_ascii=False).encode()
        told = [{"file_name": p.key, "caption": p.captions[0]} for p in findings.pictures]
        (folder / "told.jsonl").write_text("\n".join(map(json.dumps, told)))
        if not findings.blocking:
            assert main(["score", str(folder / "told.jsonl"), str(folder / "metadata.jsonl"), "--no-java"]) == 0


@pytest.mark.parametrize("damage", [b"Exif\0\0MM\0*\0\0\0\x08\0", b"Exif\0\0\0\0\0\x08\0\x02\x01\x12\0\x03"])
def test_a_photograph_with_damaged_exif_is_checked_and_trained_on(folder_data, good_folder, write_jsonl, damage):
    Image.new("RGB", (30, 20), "red").save(good_folder / "photo.jpg")
    content = (good_folder / "photo.jpg").read_bytes()
    segment = b"\xff\xe1" + struct.pack(">H", len(damage) + 2) + damage
    (good_folder / "photo.jpg").write_bytes(content[:2] + segment + content[2:])
    write_jsonl(good_folder / "metadata.jsonl", [{"file_name": "photo.jpg", "text": "a red picture"}])
    data = folder_data(good_folder, val_share=0, test_share=0)
    data.setup()
    assert data.splits["train"][ExampleRequest(0)].image[0].float().mean() > 250


def test_half_a_character_is_left_out_by_its_line_and_its_picture_is_not_unlisted(folder_data, good_folder):
    with (good_folder / "metadata.jsonl").open("a") as file:
        file.write('{"file_name": "0.png", "text": "half a \\ud83d face"}\n')
    findings = folder_data(good_folder).inspect()
    (name,) = findings.problems.pop("broken_text")
    assert name.startswith(r"metadata.jsonl:11 (the caption 'half a \ud83d face' holds half a character")
    assert findings.problems == {}


def test_an_id_without_a_file_names_its_line(folder_data, good_folder, write_jsonl):
    write_jsonl(good_folder / "metadata.jsonl", [{"image_id": 3, "text": "a dog"}])
    findings = folder_data(good_folder).inspect()
    assert findings.problems["missing_files"] == ["metadata.jsonl:1 (it names no file, only the id 3)"]


@pytest.mark.parametrize(("on_disk", "in_captions"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_accents_may_be_written_either_way(on_disk, in_captions, folder_data, good_folder, write_jsonl):
    names = {form: unicodedata.normalize(form, "café.png") for form in ("NFC", "NFD")}
    (good_folder / "0.png").rename(good_folder / names[on_disk])
    write_jsonl(good_folder / "metadata.jsonl", [{"file_name": names[in_captions], "text": "a dog"}])
    (picture,) = folder_data(good_folder).inspect().pictures
    assert (picture.key, picture.path) == (names["NFC"], good_folder / names[on_disk])


def test_a_missing_file_names_the_one_that_differs_in_case(folder_data, good_folder, write_jsonl):
    write_jsonl(
        good_folder / "metadata.jsonl", [{"file_name": name, "text": "a dog"} for name in ("0.PNG", "gone.png")]
    )
    assert folder_data(good_folder).inspect().problems["missing_files"] == ["0.PNG (there is 0.png)", "gone.png"]


def test_a_caption_without_anything_to_see_is_empty(folder_data, good_folder, write_jsonl):
    write_jsonl(good_folder / "metadata.jsonl", [{"file_name": "0.png", "text": " \u200b\u2060 "}])
    assert folder_data(good_folder).inspect().problems["empty_captions"] == ["metadata.jsonl:1 (0.png)"]


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take no such name")
def test_names_that_are_no_text_are_shown_in_escapes(folder_data, good_folder):
    os.rename(good_folder / "0.png", os.fsencode(good_folder) + b"/caf\xe9.png")
    assert folder_data(good_folder).inspect().problems["unlisted_files"] == [r"caf\udce9.png"]
