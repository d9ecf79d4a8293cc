"""Trust in a run's own packages is given once, and holds for that run with that configuration alone."""

import logging
import os
import shutil
from pathlib import Path

import pytest
import torch
import yaml

import diptych
from diptych.config import UserError
from diptych.runs.folder.layout import RunFolder
from diptych.runs.training import resume, train
from diptych.runs.trust import Subject, remember, trusted

CONFIG = {"generator": {"_target_": "mine.Generator", "width": 8}, "seed": 0}


def subject(run_id: str = "r", **config) -> Subject:
    return Subject.of({"run_id": run_id, "config": {**CONFIG, **config}})


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def trained(tiny) -> RunFolder:
    return train(tiny("tiny_gan", "tracking=none", "budget_images=32", "validate_every_images=32"))[0]


def test_what_was_given_once_holds_for_the_same_run(state):
    assert trusted(subject()) == ()
    remember(subject(), ["mine"])
    assert trusted(subject()) == ("mine",)
    assert trusted(subject(), ["other"]) == ("other", "mine")
    assert [oct(path.stat().st_mode & 0o777) for path in (state / "diptych" / "trust",)] == ["0o700"]


@pytest.mark.parametrize(
    "other",
    [
        subject("another id"),
        subject(seed=1),
        subject(tracking={"w": {"_target_": "mine.Tracker"}}),
        subject().with_copies({"captioner": "0123"}),
        Subject.of({"run_id": "r", "config": CONFIG, "parts": {"p": {"config": CONFIG}}}),
    ],
    ids=["id", "value", "code", "copies", "parts"],
)
def test_no_other_run_inherits_it(other):
    remember(subject(), ["mine"])
    assert trusted(other) == ()
    assert other.digest != subject().digest


def test_a_run_that_names_nothing_foreign_leaves_nothing(state):
    remember(Subject.of({"run_id": "r", "config": {"generator": {"_target_": "torch.nn.Linear"}}}), ["mine"])
    remember(Subject.of({"config": CONFIG}), ["mine"])  # nobody knows which run it is
    assert not state.exists()


@pytest.mark.parametrize("home", ["a file", "no home"])
def test_where_it_cannot_be_remembered_that_is_said_and_the_call_goes_on(home, trained, tmp_path, monkeypatch, caplog):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a file") if home == "a file" else "")
    if home == "no home":
        monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    diptych.load(trained.path, trust=["tinyparts"])
    assert "trust in tinyparts holds for this call, but cannot be remembered" in caplog.text
    with pytest.raises(UserError, match="add --trust tinyparts"):
        diptych.load(trained.path)


def test_a_damaged_memory_trusts_nothing(state, caplog):
    remember(subject(), ["mine"])
    (file,) = (state / "diptych" / "trust").iterdir()
    file.write_text("{")
    assert trusted(subject()) == ()
    assert f"{file} is damaged" in caplog.text


def test_it_is_loaded_again_without_a_word_about_trust(trained, caplog):
    with pytest.raises(UserError, match=r"add --trust tinyparts \(in Python: trust=\['tinyparts'\]\)"):
        diptych.load(trained.path)
    before = sorted(trained.path.rglob("*"))
    assert diptych.load(trained.path, trust=["tinyparts"]).trust == ("tinyparts",)
    with caplog.at_level(logging.INFO):
        assert diptych.load(trained.path).trust == ("tinyparts",)
    assert f"tinyparts: trusted before for {trained.run_id}" in caplog.text
    assert sorted(trained.path.rglob("*")) == before


def dropped_in(run: RunFolder, name: str, change) -> RunFolder:
    """A run from elsewhere: a copy whose checkpoint somebody has changed."""
    copy = RunFolder(run.path.with_name(name))
    shutil.copytree(run.path, copy.path)
    for path in (copy.best, copy.last, copy.previous):
        if path.exists():
            content = torch.load(path, weights_only=True)
            change(content)
            torch.save(content, path)
    return copy


def test_a_run_dropped_in_from_elsewhere_inherits_nothing(trained):
    diptych.load(trained.path, trust=["tinyparts"])

    def rename(content):
        content["run_id"] = "20000101-000000-000000"

    def rewrite(content):
        content["config"]["generator"]["width"] = 9

    for name, change in (("renamed", rename), ("rewritten", rewrite)):
        with pytest.raises(UserError, match="add --trust tinyparts"):
            diptych.load(dropped_in(trained, name, change).path)
    moved = dropped_in(trained, "moved", lambda content: None)
    shutil.rmtree(trained.path)
    assert diptych.load(moved.path).images_seen == 32


def test_a_resumed_run_stays_trusted(trained):
    with pytest.raises(UserError, match="add --trust tinyparts"):
        resume(trained, ["budget_images=64"])
    resume(trained, ["budget_images=64"], ["tinyparts"])
    assert resume(trained, ["budget_images=96"])[1].images_seen == 96
    assert diptych.load(trained.last).images_seen == 96


def test_code_that_was_slipped_into_the_folder_is_not_trusted(trained):
    resume(trained, ["budget_images=64"], ["tinyparts"])
    config = trained.read_config()
    config["callbacks"]["strike"] = {"_target_": "tinyparts.FillDisk", "images": 1, "file": os.devnull}
    trained.config.write_text(yaml.safe_dump(config))
    with pytest.raises(UserError, match=r"add --trust tinyparts"):
        resume(trained, ["budget_images=96"])
