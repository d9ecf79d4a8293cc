import sys
from pathlib import Path

import pytest

from diptych.cli.main import main
from diptych.reports.demo import demo as demo_module
from diptych.reports.demo.demo import Demo, TrainingFailed
from diptych.runs.folder.layout import RunFolder


@pytest.fixture
def training(monkeypatch, tmp_path):
    """Trainings that end at once: what they were asked for, and the exit code they end with."""
    asked, codes = [], []

    def at_once(arguments, run_id, stdout):
        asked.append((list(arguments), stdout))
        name = arguments[0].removeprefix("experiment=")
        RunFolder.create(tmp_path, name, run_id).write_status("done", images_seen=640)
        return codes.pop(0) if codes else 0

    monkeypatch.setattr(demo_module, "train_in_process", at_once)
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    return asked, codes


def test_each_training_is_linked_and_timed(training, tmp_path):
    said = []
    demo = Demo("full", tmp_path, say=said.append)
    run = demo.train("captioner", "learns")
    assert (tmp_path / "demo" / "captioner").resolve() == run.resolve()
    assert [(step.name, step.images) for step in demo.steps] == [("captioner", 640)]
    assert all(len(line) <= 80 for line in said)
    assert training[0][0][0] == ["experiment=demo/captioner"]


def test_a_second_demo_moves_the_links_to_its_own_runs(training, tmp_path):
    first = Demo("smoke", tmp_path, say=lambda line: None).train("captioner", "learns")
    second = Demo("smoke", tmp_path, say=lambda line: None).train("captioner", "learns")
    assert first != second
    assert (tmp_path / "demo" / "captioner").resolve() == second.resolve()


@pytest.fixture
def interrupted(training, tmp_path, monkeypatch):
    """A demo whose captioner was stopped with a checkpoint, the resumed runs, and what would be trained now."""
    config, resumed = {"seed": 0}, []
    monkeypatch.setattr("diptych.config.composition.compose", lambda arguments: config)
    monkeypatch.setattr(demo_module, "resume_in_process", lambda run, stdout: resumed.append(run) or 0)
    run = RunFolder(Demo("full", tmp_path, say=lambda line: None).train("captioner", "learns"))
    run.write_config(config)
    run.last.touch()
    run.write_status("stopped", images_seen=320)
    return run, resumed, config


def test_what_an_interrupted_demo_has_trained_is_gone_on_with(interrupted, training, tmp_path):
    run, resumed, _ = interrupted
    assert Demo("full", tmp_path, say=lambda line: None).train("captioner", "learns") == run.path
    assert resumed == [run.path]
    run.write_status("done", images_seen=640)
    said = []
    assert Demo("full", tmp_path, say=said.append).train("captioner", "learns") == run.path
    assert len(resumed) == len(training[0]) == 1
    assert all(len(line) <= 80 for line in said)


@pytest.mark.parametrize("change", ["another configuration", "failed", "no checkpoint"])
def test_what_cannot_be_gone_on_with_is_trained_anew(interrupted, tmp_path, change):
    run, resumed, config = interrupted
    if change == "another configuration":
        config["seed"] = 1
        run.write_config({"seed": 0})
    elif change == "failed":
        run.write_status("failed", images_seen=320)
    else:
        run.last.unlink()
    assert Demo("full", tmp_path, say=lambda line: None).train("captioner", "learns") != run.path
    assert not resumed


def test_a_failed_training_names_its_log_and_keeps_its_exit_code(training, tmp_path):
    training[1].append(3)
    with pytest.raises(TrainingFailed, match=r"captioner ended with exit code 3; see .*log\.txt") as failure:
        Demo("full", tmp_path, say=lambda line: None).train("captioner", "learns")
    assert failure.value.code == 3
    assert not (tmp_path / "demo" / "captioner").exists()


def test_the_command_ends_with_the_failed_trainings_code(training, capsys):
    training[1].extend([0, 1])
    assert main(["demo", "--json"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "training demo/text_to_image ended with exit code 1" in said.err
    assert [stdout for _, stdout in training[0]] == [sys.stderr, sys.stderr]


def test_the_generator_is_given_the_captioner_that_was_just_trained(training):
    training[1].extend([0, 1])
    main(["demo"])
    _, (generator, _) = training[0]
    assert generator[0] == "experiment=demo/text_to_image"
    captioner = next(argument for argument in generator if argument.startswith("parts.captioner.run="))
    assert RunFolder(Path(captioner.partition("=")[2])).read_status().images_seen == 640
