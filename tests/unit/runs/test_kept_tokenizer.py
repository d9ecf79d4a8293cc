"""A run from before rules 2 goes on with the words it learned, or is refused by name."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.restore import restore_system
from diptych.runs.training import resume, train
from diptych.types import DataSpec

HINDI = ("एक लड़का दौड़ रहा है", "दो कुत्ते", "एक बिल्ली", "मेज़ पर")
TRUST = ["tinyparts"]


@pytest.fixture
def old_run(tiny, tmp_path):
    """A captioner of Hindi, as it was trained and saved when words fell apart at their marks."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i, caption in enumerate(HINDI):
        Image.new("RGB", (8, 8), (60 * i, 90, 30)).save(pictures / f"{i}.png")
        with (pictures / "metadata.jsonl").open("a") as file:
            file.write(json.dumps({"file_name": f"{i}.png", "text": caption}) + "\n")
    shares = ("data.val_share=0.25", "data.test_share=0", "data.num_workers=0", "data.batch_size=4")
    budget = ("budget_images=16", "validate_every_images=16")
    config = tiny("tiny_captioner", "data=folder", f"data.root={pictures}", "+data.tokenizer_rules=1", *shares, *budget)
    folder, _ = train(config)
    for path in folder.checkpoints.glob("*.ckpt"):
        _saved_before_rules_2(path)
    return folder


def _saved_before_rules_2(path: Path) -> None:
    checkpoint = read_checkpoint(path)
    assert checkpoint["data_spec"].pop("tokenizer_rules") == 1
    assert checkpoint["config"]["data"].pop("tokenizer_rules") == 1
    torch.save(checkpoint, path)


def test_a_resumed_run_keeps_the_words_it_began_with(old_run):
    before = DataSpec.from_dict(read_checkpoint(old_run.last)["data_spec"])
    resume(old_run, ["budget_images=32"], TRUST)
    after = DataSpec.from_dict(read_checkpoint(old_run.last)["data_spec"])
    assert after == before
    assert "\u094d" in after.vocabulary
    assert restore_system(old_run.last, TRUST).data_spec == before
    assert resume(old_run, ["budget_images=48"], TRUST)[1].images_seen == 48


def test_data_that_cannot_keep_the_rules_are_refused_by_name(old_run, monkeypatch):
    """A class of somebody's own that publishes whatever is new."""
    monkeypatch.setattr("diptych.data.folder.FolderData.tokenizer_rules", property(lambda _: 2, lambda *_: None))
    with pytest.raises(ValueError, match=r"by tokenizer_rules=1, and its data now by 2: let the data class take"):
        resume(old_run, ["budget_images=32"], TRUST)


@pytest.fixture
def run_of_pairs(tiny, tmp_path):
    """A captioner whose byte pairs were learned from these captions."""
    pictures = tmp_path / "english"
    pictures.mkdir()
    _write(pictures, ("a red ball", "a red hat", "a blue ball", "two hats"))
    shares = ("data.val_share=0.25", "data.test_share=0", "data.num_workers=0", "data.batch_size=4")
    budget = ("budget_images=16", "validate_every_images=16")
    pairs = ("tokenizer=bpe", "data.num_tokens=262")
    folder, _ = train(tiny("tiny_captioner", "data=folder", f"data.root={pictures}", *pairs, *shares, *budget))
    return folder, pictures


def _write(pictures: Path, captions: tuple[str, ...]) -> None:
    rows = [json.dumps({"file_name": f"{i}.png", "text": caption}) for i, caption in enumerate(captions)]
    for i in range(len(captions)):
        Image.new("RGB", (8, 8), (60 * i, 90, 30)).save(pictures / f"{i}.png")
    (pictures / "metadata.jsonl").write_text("\n".join(rows))


def test_captions_that_would_give_other_byte_pairs_are_refused(run_of_pairs):
    """There are as many of them as before, so that all weights fit."""
    folder, pictures = run_of_pairs
    _write(pictures, ("my cow runs", "my cow sits", "my cow eats", "one cow"))
    with pytest.raises(ValueError, match=r"other tokens than when the run began \(token 2\d\d was '.*' and is '.*'\)"):
        resume(folder, ["budget_images=32"], TRUST)


def test_the_same_captions_go_on_with_the_same_byte_pairs(run_of_pairs):
    folder, _ = run_of_pairs
    assert resume(folder, ["budget_images=32"], TRUST)[1].images_seen == 32
