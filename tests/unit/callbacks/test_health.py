import math

import pytest
import torch

from diptych.callbacks import Budget, Checkpoints, Health, TrainingDiverged

NAN = math.nan


def equipped(folder, health_every=8, checkpoint_every=8, budget=80):
    return [
        Budget(budget_images=budget),
        Health(every_images=health_every),
        Checkpoints(checkpoints_folder=folder, monitor="val/truth", mode="max", every_images=checkpoint_every),
    ]


@pytest.mark.parametrize("broken", [NAN, math.inf, -math.inf])
def test_a_broken_loss_stops_the_run_and_is_named_with_the_count(toy, fit, tmp_path, broken):
    system = toy(loss=lambda images: broken if images >= 40 else 1.0)
    with pytest.raises(TrainingDiverged, match=r"train/d_loss is -?(nan|inf) after 40 images.*learning rate"):
        fit(system, equipped(tmp_path))


def test_a_broken_state_is_never_saved_over_a_good_one(toy, fit, tmp_path):
    """Losses are checked less often than checkpoints are saved, so only the check before saving can find it."""
    system = toy(loss=lambda images: NAN if images >= 40 else 1.0)
    with pytest.raises(TrainingDiverged):
        fit(system, equipped(tmp_path, health_every=10**6))
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["images_seen"] == 32


def test_broken_weights_behind_sound_losses_are_found_before_saving(toy, fit, tmp_path):
    class Spoilt(toy):
        def training_step(self, batch, batch_idx):
            super().training_step(batch, batch_idx)
            if self.images_seen == 24:
                self.weights[1].data[0] = NAN

    with pytest.raises(TrainingDiverged, match=r"weights\.1 is infinite or not a number after 24 images"):
        fit(Spoilt(), equipped(tmp_path))
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["images_seen"] == 16


def test_a_run_stopped_from_outside_with_a_broken_state_leaves_the_good_file(toy, fit, tmp_path, caplog):
    class Stopped(toy):
        def on_train_batch_start(self, batch, batch_idx):
            if self.images_seen == 48:
                raise KeyboardInterrupt

    system = Stopped(loss=lambda images: NAN if images >= 40 else 1.0)
    with pytest.raises(SystemExit):
        fit(system, equipped(tmp_path, health_every=10**6, checkpoint_every=32))
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["images_seen"] == 32


def test_figures_that_are_no_losses_may_be_infinite(toy, fit, tmp_path):
    class Curious(toy):
        def training_step(self, batch, batch_idx):
            super().training_step(batch, batch_idx)
            self.log_metrics("train", {"gradient_norm": torch.tensor(math.inf)})

    system = Curious()
    fit(system, equipped(tmp_path, budget=24))
    assert system.images_seen == 24
