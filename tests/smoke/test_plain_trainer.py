"""A user's script: `diptych.compose` and `build`, a `pl.Trainer` of one's own, and `diptych.load` of what it saved."""

from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger

import diptych
from diptych.cli.main import main
from diptych.config import UserError
from diptych.runs.handles import ImageCaptioner, ImageGenerator
from diptych.runs.training import train

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{message}")
    for message in (
        "The '.*_dataloader' does not have many workers",
        r".*isinstance\(treespec, LeafSpec\)",
        r".*number of training batches .* is smaller than the logging interval",
        r"Found \d+ module\(s\) in eval mode at the start of training",
        "Using ModelCheckpoint with manual optimization and every_n_train_steps",
        ".*Checkpoint directory .* exists and is not empty",
    )
]
GAN = ["model=mlp_gan", "data=digits", "text_encoder=gru", "data.batch_size=64", "data.val_size=64"]
CAPTIONER = ["model=cnn_rnn", "data=digits", "image_encoder.num_halvings=2", "data.batch_size=64", "data.val_size=64"]
ENDLESS = ["model=mlp_gan", "data=scenes_small", "data.batch_size=32", "data.val_size=32", "validate_every_images=96"]
SENTENCE = "a handwritten seven"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path / "outputs"))


def trainer(**arguments) -> pl.Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False}
    usual = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False}
    return pl.Trainer(**{**quiet, **usual, **arguments})


class Until(pl.Callback):
    """Stops at so many images, as somebody's own callback might."""

    def __init__(self, images: int) -> None:
        self.images = images

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        trainer.should_stop = pl_module.images_seen >= self.images


def same(first, second) -> bool:
    return all(torch.equal(value, second[name]) for name, value in first.items()) and first.keys() == second.keys()


@pytest.mark.parametrize("overrides", [GAN, CAPTIONER], ids=["gan", "captioner"])
def test_a_plain_trainer_learns_what_a_run_learns(overrides):
    config = diptych.compose([*overrides, "budget_images=640", "validate_every_images=320", "tracking=none"])
    run, _ = train(config)
    assert run.read_config() == config
    data, system = diptych.build(config)
    trainer(max_steps=10 * len(system.OPTIMIZERS)).fit(system, datamodule=data)
    assert system.images_seen == 640
    assert same(torch.load(run.last, weights_only=True)["state_dict"], system.state_dict())


def test_the_first_line_that_anybody_types_works(tmp_path):
    data, system = diptych.build(diptych.compose(GAN))
    plain = pl.Trainer(max_steps=50, accelerator="cpu", enable_progress_bar=False)
    plain.fit(system, datamodule=data)
    assert (plain.global_step, system.images_seen) == (50, 25 * 64)  # Lightning counts both optimisers
    assert {"train/g_loss", "val/energy_distance"} <= plain.callback_metrics.keys()
    (saved,) = tmp_path.rglob("*.ckpt")  # Lightning's own, without a word about it
    assert diptych.load(saved).images_seen == system.images_seen


def test_epochs_end_and_follow_one_another(tmp_path):
    data, system = diptych.build(diptych.compose(CAPTIONER))
    one_pass = data.splits["train"].size // 64
    plain = trainer(max_epochs=2, limit_val_batches=1)
    plain.fit(system, datamodule=data)
    assert data.batches_consumed == plain.global_step == 2 * one_pass
    keys = [key for _, batch in zip(range(3), data.train_dataloader(), strict=False) for key in batch.keys]
    endless = diptych.build(diptych.compose(CAPTIONER)).data
    endless.epoch_images, endless.batches_consumed = None, 2 * one_pass
    assert keys == [key for _, batch in zip(range(3), endless.train_dataloader(), strict=False) for key in batch.keys]


def test_an_epoch_of_endless_data_lasts_until_the_next_validation():
    data, system = diptych.build(diptych.compose(ENDLESS))
    plain = trainer(max_epochs=2)
    plain.fit(system, datamodule=data)
    assert (data.batches_consumed, system.images_seen) == (6, 192)


def test_workers_give_the_same_epochs():
    states = []
    for workers in (0, 1):
        data, system = diptych.build(diptych.compose([*ENDLESS, f"data.num_workers={workers}"]))
        trainer(max_epochs=3).fit(system, datamodule=data)
        states.append(system.state_dict())
    assert same(*states)


def test_a_fit_that_was_stopped_goes_on_in_the_middle_of_an_epoch(tmp_path):
    def fitted(path=None):
        every_third = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=3, save_top_k=-1)
        data, system = diptych.build(diptych.compose([*CAPTIONER, "data.batch_size=256"]))
        plain = trainer(max_epochs=1, enable_checkpointing=True, callbacks=[every_third])
        plain.fit(system, datamodule=data, ckpt_path=path)
        return data, system

    data, whole = fitted()
    again, resumed = fitted(tmp_path / "step=3.ckpt")
    assert again.batches_consumed == data.batches_consumed > 4
    assert same(whole.state_dict(), resumed.state_dict())


def test_lightning_s_own_callbacks_and_loggers_go_with_it(tmp_path):
    config = diptych.compose(GAN)
    best = ModelCheckpoint(tmp_path / "best", monitor=config["monitor"], mode=config["mode"], save_last=True)
    light = ModelCheckpoint(tmp_path / "light", save_weights_only=True)
    patient = EarlyStopping(config["monitor"], mode=config["mode"], patience=5)
    data, system = diptych.build(config)
    plain = trainer(
        max_steps=40,
        val_check_interval=5,
        logger=CSVLogger(tmp_path, name="logs"),
        log_every_n_steps=5,
        enable_checkpointing=True,
        callbacks=[best, light, patient],
    )
    plain.fit(system, datamodule=data)
    header = (tmp_path / "logs" / "version_0" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"train/d_loss", "train/g_loss", "val/energy_distance", "val/latent_diversity"} <= set(header)
    for saved in (best.best_model_path, best.last_model_path, light.best_model_path):
        generator = diptych.load(saved)
        assert isinstance(generator, ImageGenerator)
        assert len(generator.generate([SENTENCE], num_images=2)) == 2
    assert patient.best_score == best.best_model_score


@pytest.fixture
def saved(tmp_path):
    """A captioner's checkpoint that a plain Trainer has written."""
    data, system = diptych.build(diptych.compose(CAPTIONER))
    plain = trainer(max_steps=3)
    plain.fit(system, datamodule=data)
    plain.save_checkpoint(tmp_path / "mine.ckpt")
    return tmp_path / "mine.ckpt"


def test_a_checkpoint_captions_here_and_on_the_command_line(saved, tmp_path, capsys):
    Image.fromarray(np.zeros((28, 28), dtype=np.uint8)).save(tmp_path / "picture.png")
    captioner = diptych.load(saved)
    assert isinstance(captioner, ImageCaptioner)
    (caption,) = captioner.caption([tmp_path / "picture.png"])
    assert main(["caption", str(saved), str(tmp_path / "picture.png")]) == 0
    assert caption.text in capsys.readouterr().out
    assert main(["generate", str(saved), SENTENCE]) == 2
    assert "cannot generate images" in capsys.readouterr().err


def test_a_checkpoint_is_evaluated_beside_itself(saved, capsys):
    assert main(["evaluate", str(saved), "--num", "20"]) == 0
    assert list((saved.parent / "mine" / "evaluations").glob("*.json"))


@pytest.mark.parametrize("scope", ["loss", "generation"])
def test_what_is_borrowed_from_another_run_is_not_needed_to_load(scope, repository, tmp_path):
    def composed(*overrides):
        return diptych.compose([*overrides, "tracking=none"], config_dir=repository / "tests" / "support" / "conf")

    lender, _ = train(composed("model=small_captioner", "budget_images=32"))
    parts = [f"parts.captioner.run={lender.run_id}", f"+parts.captioner.scope={scope}"]
    config = composed("model=small_layered_gan", "budget_images=240", *parts)
    run, _ = train(config)
    data, system = diptych.build(config)
    plain = trainer(max_epochs=-1, callbacks=[Until(240)])
    plain.fit(system, datamodule=data)
    assert same(torch.load(run.last, weights_only=True)["state_dict"], system.state_dict())
    plain.save_checkpoint(tmp_path / "mine.ckpt")
    content = torch.load(tmp_path / "mine.ckpt", weights_only=True)
    assert ("parts" in content) == (scope == "generation")
    lender.remove()
    assert diptych.load(tmp_path / "mine.ckpt").images_seen == system.images_seen
    with pytest.raises(UserError, match=f"there is no run {lender.run_id!r}"):
        diptych.build(config)


def test_code_in_a_lent_checkpoint_is_not_run_however_far_the_own_configuration_is_trusted(repository, tmp_path):
    """Both ways to borrow: a plain Trainer's and a run's. What the lender names was trusted by nobody."""

    def composed(*overrides):
        return diptych.compose([*overrides, "tracking=none"], config_dir=repository / "tests" / "support" / "conf")

    lender, _ = train(composed("model=small_captioner", "budget_images=32"))
    struck = tmp_path / "struck"
    for path in (lender.best, lender.last):
        content = torch.load(path, weights_only=True)
        content["config"]["image_encoder"] = {"_target_": "subprocess.run", "args": ["touch", str(struck)]}
        torch.save(content, path)
    config = composed("model=small_layered_gan", f"parts.captioner.run={lender.run_id}", "budget_images=32")
    for borrow in (diptych.build, train):
        with pytest.raises(
            UserError, match=r"parts\.captioner: .*package 'subprocess'.*--trust subprocess .*once, to a command"
        ):
            borrow(config)
    assert not struck.exists()


def test_a_callback_of_somebody_s_own_saves_the_batch_that_was_trained_on(tmp_path):
    class Saving(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
            if batch_idx == 2:
                trainer.save_checkpoint(tmp_path / "third.ckpt")

    def fitted(path=None):
        data, system = diptych.build(diptych.compose([*CAPTIONER, "data.batch_size=256"]))
        trainer(max_epochs=1, callbacks=[Saving()]).fit(system, datamodule=data, ckpt_path=path)
        return system

    assert same(fitted().state_dict(), fitted(tmp_path / "third.ckpt").state_dict())


def test_one_batch_is_overfitted_for_ever():
    class Keys(pl.Callback):
        seen: ClassVar[list] = []

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
            self.seen.append(batch.keys)

    data, system = diptych.build(diptych.compose(CAPTIONER))
    trainer(max_epochs=3, overfit_batches=1, callbacks=[Keys()]).fit(system, datamodule=data)
    assert len(Keys.seen) == 3
    assert len(set(Keys.seen)) == 1
    with pytest.raises(UserError, match="give overfit_batches=1"):
        trainer(max_epochs=3, overfit_batches=2).fit(system, datamodule=data)


def test_the_end_is_validated_where_optimisers_take_turns():
    data, system = diptych.build(diptych.compose([*GAN, "system.discriminator_steps=5", "data.batch_size=16"]))
    validated = []
    system.on_validation_epoch_end = lambda: validated.append(system.images_seen)
    trainer(max_steps=60, num_sanity_val_steps=0).fit(system, datamodule=data)
    assert validated == [system.images_seen] == [800]


def test_what_is_no_checkpoint_of_ours_is_said(tmp_path, saved):
    with pytest.raises(UserError, match=r"there is no checkpoint .*other\.ckpt"):
        diptych.load(tmp_path / "other.ckpt")
    content = torch.load(saved, weights_only=True)
    torch.save({key: value for key, value in content.items() if key != "config"}, tmp_path / "foreign.ckpt")
    with pytest.raises(UserError, match=r"foreign\.ckpt is not a checkpoint of diptych: .*if diptych\.build made"):
        diptych.load(tmp_path / "foreign.ckpt")


def test_what_is_changed_after_building_is_not_what_was_built(tmp_path):
    config = diptych.compose(CAPTIONER)
    data, system = diptych.build(config)
    config["caption_decoder"]["_target_"] = "nothing.AtAll"
    plain = trainer(max_steps=1, limit_val_batches=0)
    plain.fit(system, datamodule=data)
    plain.save_checkpoint(tmp_path / "mine.ckpt")
    assert diptych.load(tmp_path / "mine.ckpt").images_seen == 64
    with pytest.raises(UserError, match=r"caption_decoder\._target_=nothing\.AtAll"):
        diptych.build(config)


def test_a_schedule_that_ends_before_the_trainer_is_said_once(caplog):
    data, system = diptych.build(
        diptych.compose([*CAPTIONER, "schedule=linear", "schedule.warmup_images=0", "budget_images=192"])
    )
    trainer(max_steps=3, limit_val_batches=0).fit(system, datamodule=data)
    assert "learning rates are 0" not in caplog.text
    trainer(max_steps=3, limit_val_batches=0).fit(system, datamodule=data)
    assert caplog.text.count("learning rates are 0 from 192 images on") == 1


def test_what_a_plain_trainer_cannot_do_is_refused():
    with pytest.raises(UserError, match=r"overfit_batch=true .* pl\.Trainer\(overfit_batches=1\)"):
        diptych.build(diptych.compose([*CAPTIONER, "debug=overfit_batch"]))
    _, system = diptych.build(diptych.compose(CAPTIONER))
    with pytest.raises(UserError, match=r"devices=2.*diptych train trainer=ddp"):
        system.companions[0].setup(SimpleNamespace(world_size=2), system, "fit")
