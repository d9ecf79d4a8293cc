"""A run with a pretrained text encoder: exact resume, and generation, where its folder is gone."""

import logging
import shutil

import pytest
import tiny_transformers
import torch
from pytorch_lightning import Trainer

import diptych
from diptych.cli.main import main
from diptych.config.composition import compose
from diptych.runs.trainer import quiet
from diptych.runs.training import resume, train
from sameness import differences

SMALL = (
    "model=dcgan",
    "generator.width=4",
    "discriminator.width=4",
    "data=scenes_demo",
    "data.batch_size=8",
    "data.val_size=8",
    "data.num_workers=0",
    "validate_every_images=8",
    "callbacks.metrics_log.every_images=8",
    "system.ema_half_life_images=16",
    "system.mismatch_weight=0.5",
    "tracking=csv",
    "trainer.threads=1",
    "callbacks.progress.quiet=true",
)
SENTENCES = ("a large red circle above a small blue square", "完全未知的句子")
CHOICES = {
    "bert": ["text_encoder=bert"],
    "bert that learns": ["text_encoder=bert", "text_encoder.tuned=true", "system.text_lr_multiplier=0.1"],
    "gpt2 with a linear map": ["text_encoder=gpt2", "text_encoder.sentence_dim=8"],
    "clip for both networks": ["text_encoder=clip", "system.separate_text_encoders=false"],
}


@pytest.fixture(autouse=True)
def _outputs_are_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path / "outputs"))


def overrides(choice, folder):
    kind = CHOICES[choice][0].partition("=")[2]
    return [*SMALL, *CHOICES[choice], f"text_encoder.pretrained={tiny_transformers.KINDS[kind](folder)}"]


@pytest.mark.parametrize("choice", CHOICES)
def test_it_generates_and_is_resumed_exactly_without_its_folder(choice, tmp_path):
    chosen = overrides(choice, tmp_path / "network")
    whole, _ = train(compose([*chosen, "budget_images=16"]))
    parted, _ = train(compose([*chosen, "budget_images=8"]))
    shutil.rmtree(tmp_path / "network")
    assert main(["generate", str(parted.path), *SENTENCES, "-n", "1", "--out", str(tmp_path / "images")]) == 0
    assert len({file.read_bytes() for file in tmp_path.glob("images/*.png")}) == 2
    resume(parted, ["budget_images=16"])
    assert differences(learned(parted), learned(whole)) == []


def learned(folder):
    """Networks, optimisers, progress and the randomness of training."""
    checkpoint = torch.load(folder.last, weights_only=True)
    return {
        key: checkpoint[key] for key in ("state_dict", "optimizer_states", "images_seen", "system_rng", "blueprints")
    }


def test_a_frozen_network_is_in_a_checkpoint_once_and_in_no_optimizer(tmp_path):
    run, _ = train(compose([*overrides("gpt2 with a linear map", tmp_path / "network"), "budget_images=8"]))
    checkpoint = torch.load(run.last, weights_only=True)
    state = checkpoint["state_dict"]
    places = [value.data_ptr() for name, value in state.items() if name.endswith(".reader.network.wte.weight")]
    assert len(places) == 3  # the generator's, its average's and the discriminator's
    assert len(set(places)) == 1
    system = diptych.load(run.path).system
    learning = [name for name, value in system.text_encoder.named_parameters() if value.requires_grad]
    assert learning == ["sentence.weight", "sentence.bias"]
    networks = [*system.generator.parameters(), *system.discriminator.parameters()]
    groups = [group for state in checkpoint["optimizer_states"] for group in state["param_groups"]]
    assert sum(len(group["params"]) for group in groups) == len(networks) + 2 * len(learning)


def test_a_new_run_may_start_from_its_weights(tmp_path, caplog):
    chosen = overrides("bert", tmp_path / "network")
    first, _ = train(compose([*chosen, "budget_images=8"]))
    caplog.set_level(logging.INFO)
    again, _ = train(compose([*chosen, "budget_images=8", f"init_from={first.path}"]))
    assert "weights taken from" in caplog.text
    assert again.last.exists()


def test_a_plain_trainers_checkpoint_is_enough(tmp_path):
    data, system = diptych.build(compose([*overrides("bert", tmp_path / "network"), "budget_images=8"]))
    silent = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(accelerator="cpu", max_steps=2, **silent)
    with quiet():
        trainer.fit(system, datamodule=data)
    trainer.save_checkpoint(tmp_path / "plain.ckpt")
    shutil.rmtree(tmp_path / "network")
    assert len(diptych.load(tmp_path / "plain.ckpt").generate([SENTENCES[0]])) == 1


def test_a_network_that_is_not_there_is_named_in_one_message(tmp_path, capsys):
    words = [*SMALL, "text_encoder=bert", "text_encoder.pretrained=/not/there", "budget_images=8"]
    assert main(["train", *words]) != 0
    said = capsys.readouterr().err
    assert "text_encoder.pretrained=/not/there: there is no such folder" in said
    assert "Traceback" not in said
