"""A generator whose images are all alike is said to have collapsed: in the log, in lists, in summaries, at the end."""

import json
import logging
from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import nn

from diptych.cli.main import main
from diptych.config.composition import compose
from diptych.metrics.diversity import LEAST
from diptych.models.gan import dcgan
from diptych.runs.folder.layout import RunFolder
from diptych.runs.lifecycle.collapse import CollapseWatch
from diptych.runs.training import train
from diptych.tracking import Trackers, read_metrics

RECIPE = [
    *("model=dcgan", "data=digits", "text_encoder=gru", "generator.width=8", "discriminator.width=8"),
    *("data.batch_size=16", "budget_images=1_600", "validate_every_images=1_600", "data.val_size=64"),
    *("callbacks.progress.quiet=true", "tracking=csv", "trainer.threads=1"),
]
"""DCGAN from sentences as the README first had it, with narrow networks and small batches."""


class AsItIs(nn.Module):
    """A sentence vector as the encoder gives it, which drowned the latents before `Condition` standardised it."""

    def __init__(self, sentence_dim: int, dim: int) -> None:
        super().__init__()
        assert sentence_dim == dim

    def forward(self, sentence: torch.Tensor) -> torch.Tensor:
        return sentence


@pytest.fixture
def validated(tmp_path):
    """The run's folder after a validation with these figures."""
    folder = RunFolder.create(tmp_path, "a", "one")
    watch = CollapseWatch(folder, budget_images=1000)

    def after(sanity_checking=False, images=1000, **figures):
        logged = {f"val/{name}": torch.tensor(value) for name, value in figures.items()}
        state = SimpleNamespace(fn=TrainerFn.FITTING)
        trainer = SimpleNamespace(callback_metrics=logged, sanity_checking=sanity_checking, state=state)
        watch.on_validation_end(trainer, SimpleNamespace(images_seen=images))
        return folder.read_collapse()

    return after


def test_the_last_validation_counts_and_the_log_says_it(validated, caplog):
    caplog.set_level(logging.INFO)
    assert validated(energy_distance=0.1) is None
    assert validated(sanity_checking=True, latent_diversity=0.0) is None
    assert "spread 1.0 % between latents" in validated(latent_diversity=0.01, sentence_diversity=0.02)
    assert "collapsed: all images are nearly the same" in caplog.text
    assert validated(latent_diversity=0.5, sentence_diversity=0.2) == ""
    assert "no longer collapsed after 1,000 images" in caplog.text


def test_images_that_ignore_their_sentences_are_said_apart(validated, caplog):
    assert validated(latent_diversity=0.5, sentence_diversity=0.02).startswith("ignores its sentences: ")
    assert "ignores its sentences" in caplog.text


def test_of_a_young_run_the_log_speaks_once_there_was_variety_to_lose(validated, caplog):
    alike, varied = {"latent_diversity": 0.01, "sentence_diversity": 0.02}, {"latent_diversity": 0.9}
    assert "spread" in validated(images=100, **alike)
    assert "collapsed" not in caplog.text
    assert validated(images=200, **varied) == ""
    assert "spread" in validated(images=300, **alike)
    assert "after 300 images" in caplog.text


def test_a_resumed_run_remembers_that_it_had_variety(validated, tmp_path, caplog):
    assert validated(images=200, latent_diversity=0.9) == ""
    folder = RunFolder(next((tmp_path / "a").iterdir()))
    resumed = CollapseWatch(folder, budget_images=1000)
    trainer = SimpleNamespace(
        callback_metrics={"val/latent_diversity": torch.tensor(0.01), "val/sentence_diversity": torch.tensor(0.02)},
        sanity_checking=False,
        state=SimpleNamespace(fn=TrainerFn.FITTING),
    )
    resumed.on_validation_end(trainer, SimpleNamespace(images_seen=300))
    assert "after 300 images" in caplog.text


def test_the_recipe_that_collapsed_ends_as_collapsed_everywhere(tmp_path, capsys, monkeypatch):
    summaries = []
    monkeypatch.setattr(Trackers, "summary", lambda self, values: summaries.append(values))
    monkeypatch.setattr(dcgan, "Condition", AsItIs)
    widths = ["generator.condition_width=256", "discriminator.condition_width=256"]
    folder, record = train(compose([*RECIPE, *widths, f"paths.outputs={tmp_path}"]))
    row = read_metrics(folder.metrics)[-1]
    assert 0 < row["val/latent_diversity"] < LEAST > row["val/sentence_diversity"] > 0
    assert record.lines[0].startswith("collapsed: ")
    assert summaries[-1]["collapsed"] is True
    assert "collapsed: " in folder.log.read_text()
    assert main(["runs", "--outputs", str(tmp_path)]) == 0
    assert "done, collapsed" in capsys.readouterr().out
    assert main(["runs", "--outputs", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["collapsed"].startswith("collapsed: ")


def test_the_same_recipe_with_sentences_at_the_scale_of_latents_does_not_collapse(tmp_path):
    folder, record = train(compose([*RECIPE, f"paths.outputs={tmp_path}"]))
    assert not folder.read_collapse().startswith("collapsed")  # so early, sentences still decide little
    assert not [line for line in record.lines if "collapsed" in line]


def test_a_failed_run_is_stopped_if_asked_and_says_so_everywhere(tmp_path, monkeypatch):
    summaries = []
    monkeypatch.setattr(Trackers, "summary", lambda self, values: summaries.append(values))
    overrides = ["model=mlp_gan", "data=digits", "text_encoder=gru", "callbacks.failure_stop.patience_images=32"]
    rhythm = ["data.batch_size=16", "data.val_size=32", "budget_images=320", "validate_every_images=32"]
    quiet = ["callbacks.progress.quiet=true", "tracking=csv", "trainer.threads=1", f"paths.outputs={tmp_path}"]
    folder, record = train(compose([*overrides, *rhythm, *quiet]))
    status = folder.read_status()
    assert (status.status, status.images_seen) == ("done", 64)
    assert status.why.startswith("stopped after 64 images, failed since 32: collapsed: ")
    assert summaries[-1]["stopped"] == record.lines[0] == status.why
    assert status.why in folder.log.read_text()
    assert folder.has_saved
