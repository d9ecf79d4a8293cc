import errno
import math
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Callback

from diptych.callbacks import Budget, Checkpoints, EarlyStopping, Health, MetricsLog
from diptych.callbacks.durable import DurableCheckpointIO, NotSaved
from diptych.callbacks.rhythm import validation_follows
from diptych.runs.lifecycle.signals import Stopped
from diptych.runs.trainer import quiet
from sameness import differences


def load(path):
    return torch.load(path, weights_only=True)


def equipped(folder, heard=None, every_images=24, budget=80, monitor="val/truth", mode="max", more=()):
    log = [MetricsLog(trackers=heard, budget_images=budget, every_images=16)] if heard else []
    rules = {"monitor": monitor, "mode": mode, "every_images": every_images}
    checkpoints = Checkpoints(checkpoints_folder=folder, trackers=heard, **rules)
    return [Budget(budget_images=budget), *log, *more, checkpoints]


class StopAt(Callback):
    """Stops the run as a signal does: after a batch, or after the validation that is due there."""

    def __init__(self, images):
        self.images = images

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if pl_module.images_seen >= self.images and not validation_follows(trainer):
            raise KeyboardInterrupt

    def on_validation_end(self, trainer, pl_module):
        if pl_module.images_seen >= self.images:
            raise KeyboardInterrupt


class FillDisk(Callback):
    """While the count of images is in `images`, the named checkpoint is written to a full device."""

    def __init__(self, folder, images, name="last.ckpt"):
        self.partial, self.images = folder / f"{name}.partial", images

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.partial.unlink(missing_ok=True)
        if pl_module.images_seen in self.images:
            self.partial.symlink_to("/dev/full")

    def on_train_end(self, trainer, pl_module):
        self.on_train_batch_end(trainer, pl_module, None, None, 0)


def test_last_holds_the_end_and_best_holds_the_best_validation(toy, fit, tmp_path):
    fit(toy(truth=lambda images: -abs(images - 32)), equipped(tmp_path), validate_every_batches=2)
    assert load(tmp_path / "last.ckpt")["images_seen"] == 80
    assert load(tmp_path / "best.ckpt")["images_seen"] == 32
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.ckpt", "last.ckpt", "previous.ckpt"]


@pytest.mark.parametrize("every_images", [8, 20, 30])
def test_last_is_at_most_one_interval_old(toy, fit, tmp_path, every_images):
    class Ages(Callback):
        def __init__(self):
            self.ages = []

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            saved = load(tmp_path / "last.ckpt")["images_seen"] if (tmp_path / "last.ckpt").exists() else 0
            self.ages.append(pl_module.images_seen - saved)

    ages = Ages()
    fit(toy(), [*equipped(tmp_path, every_images=every_images), ages], validate_every_batches=3)
    assert max(ages.ages) <= every_images + 8


def test_without_a_monitor_only_last_is_kept_with_a_warning(toy, fit, tmp_path, caplog):
    fit(toy(), equipped(tmp_path, monitor=None), validate_every_batches=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "previous.ckpt"]
    assert [r.message for r in caplog.records if "no figure is monitored" in r.message]


@pytest.mark.parametrize("stop_at", [8, 16, 40, 48, 56, 72])
def test_interrupted_and_resumed_is_the_same_run(toy, fit, tmp_path, heard, stop_at):
    """Weights, optimisers, counts, best figure and every logged row are the same, for any intervals."""
    straight, halves = tmp_path / "straight", tmp_path / "halves"
    whole = toy()
    fit(whole, equipped(straight, heard), validate_every_batches=2)
    rows, heard.rows = heard.rows, []

    with pytest.raises(SystemExit):
        fit(toy(), [*equipped(halves, heard), StopAt(stop_at)], validate_every_batches=2)
    begin = load(halves / "last.ckpt")["images_seen"]
    heard.rows = [row for row in heard.rows if row[0] <= begin]
    second = toy()
    fit(second, equipped(halves, heard), validate_every_batches=2, resume=halves / "last.ckpt")

    assert begin == stop_at
    one, other = load(straight / "last.ckpt"), load(halves / "last.ckpt")
    assert second.images_seen == whole.images_seen
    torch.testing.assert_close(other["state_dict"], one["state_dict"], rtol=0, atol=0)
    torch.testing.assert_close(other["optimizer_states"], one["optimizer_states"], rtol=0, atol=0)
    assert differences(other["callbacks"], one["callbacks"], "callbacks") == []
    assert [_untimed(row) for row in heard.rows] == [_untimed(row) for row in rows]


def test_a_run_can_resume_past_its_first_budget(toy, fit, tmp_path):
    fit(toy(), equipped(tmp_path, budget=40), validate_every_batches=2)
    system = toy()
    fit(system, equipped(tmp_path, budget=80), validate_every_batches=2, resume=tmp_path / "last.ckpt")
    assert system.images_seen == 80
    assert load(tmp_path / "best.ckpt")["images_seen"] == 80


def test_the_best_so_far_survives_a_resume(toy, fit, tmp_path):
    def peak(images):
        return -abs(images - 24)

    fit(toy(truth=peak), equipped(tmp_path, budget=48), validate_every_batches=1)
    fit(toy(truth=peak), equipped(tmp_path, budget=80), validate_every_batches=1, resume=tmp_path / "last.ckpt")
    assert load(tmp_path / "best.ckpt")["images_seen"] == 24


def test_an_error_inside_a_step_leaves_the_last_interval(toy, fit, tmp_path):
    """The state between a step's two optimisers cannot be resumed."""

    class Breaks(toy):
        def on_before_optimizer_step(self, optimizer):
            if self.images_seen == 40 and optimizer is self.optimizers()[1].optimizer:
                raise RuntimeError("inside a step")

    with pytest.raises(RuntimeError, match="inside a step"):
        fit(Breaks(), equipped(tmp_path, every_images=16))
    assert load(tmp_path / "last.ckpt")["images_seen"] == 32


def test_an_error_inside_a_validation_leaves_the_last_interval(toy, fit, tmp_path):
    class Breaks(toy):
        def validation_step(self, batch, batch_idx):
            if self.images_seen == 48:
                raise RuntimeError("inside a validation")

    with pytest.raises(RuntimeError, match="inside a validation"):
        fit(Breaks(), equipped(tmp_path, every_images=32, monitor=None), validate_every_batches=2)
    assert load(tmp_path / "last.ckpt")["images_seen"] == 32


def test_an_error_before_a_step_has_begun_leaves_the_last_interval(toy, fit, tmp_path):
    """The batch is already drawn and counted: resuming from there would shift every later validation."""

    class Breaks(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if pl_module.images_seen == 40:
                raise RuntimeError("before a step")

    with pytest.raises(RuntimeError, match="before a step"):
        fit(toy(), equipped(tmp_path, every_images=32, more=[Breaks()]))
    assert load(tmp_path / "last.ckpt")["images_seen"] == 32


def test_an_error_in_the_data_saves_the_state_it_found(toy, fit, tmp_path):
    class Ends(toy):
        def train_dataloader(self):
            yield from [torch.zeros(8)] * 6
            raise OSError("the pictures are gone")

    with pytest.raises(OSError, match="the pictures are gone"):
        fit(Ends(), equipped(tmp_path, every_images=10**6))
    assert load(tmp_path / "last.ckpt")["images_seen"] in (40, 48)


def test_previous_is_the_earlier_version_of_last(toy, fit, tmp_path):
    class Compares(Callback):
        def __init__(self):
            self.pairs = set()

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if (tmp_path / "previous.ckpt").exists():
                counts = (load(tmp_path / f"{name}.ckpt")["images_seen"] for name in ("previous", "last"))
                self.pairs.add(tuple(counts))

    seen = Compares()
    fit(toy(), [*equipped(tmp_path, every_images=16, monitor=None), seen])
    assert seen.pairs == {(16, 32), (32, 48), (48, 64)}
    assert load(tmp_path / "previous.ckpt")["images_seen"] == 64


def test_without_hard_links_previous_is_kept_too(toy, fit, tmp_path, monkeypatch):
    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
    fit(toy(), equipped(tmp_path, every_images=16, monitor=None))
    assert load(tmp_path / "previous.ckpt")["images_seen"] == 64
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "previous.ckpt"]


def test_a_full_disk_keeps_the_old_files_and_stops_the_run(toy, fit, tmp_path):
    system = toy()
    callbacks = equipped(tmp_path, more=[FillDisk(tmp_path, images=range(40, 100))], monitor=None)
    with pytest.raises(
        NotSaved, match=r"last\.ckpt cannot be written: No space left on device. Make room on the disk at / "
    ):
        fit(system, callbacks)
    assert system.images_seen == 48
    assert load(tmp_path / "last.ckpt")["images_seen"] == 24
    assert not list(tmp_path.glob("*.partial"))


def test_the_error_that_stops_a_run_is_not_reported_as_a_failed_save(tmp_path, monkeypatch):
    def save(content, file):
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            raise RuntimeError("unexpected position") from None  # as torch does

    monkeypatch.setattr(torch, "save", save)
    io = DurableCheckpointIO()
    try:
        raise Stopped(signal.SIGTERM)
    except Stopped:
        io.save_checkpoint({}, tmp_path / "last.ckpt")
    assert io.failure.errno == errno.ENOSPC


def test_an_error_without_a_failed_write_is_raised_unchanged(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "save", lambda *_: (_ for _ in ()).throw(RuntimeError("CUDA error: an illegal access")))
    with pytest.raises(RuntimeError, match="CUDA error"):
        DurableCheckpointIO().save_checkpoint({}, tmp_path / "last.ckpt")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_at_the_very_end_stops_the_run_too(toy, fit, tmp_path):
    with pytest.raises(NotSaved):
        fit(toy(), equipped(tmp_path, more=[FillDisk(tmp_path, images=[80])], monitor=None))
    assert load(tmp_path / "last.ckpt")["images_seen"] == 72


def test_a_best_that_could_not_be_saved_is_reached_again(toy, fit, tmp_path):
    """No saved state refers to a missing best.ckpt: the run resumes from before it."""

    def peak(images):
        return -abs(images - 32)

    full = FillDisk(tmp_path, images=[32], name="best.ckpt")
    with pytest.raises(NotSaved, match=r"best\.ckpt"):
        fit(toy(truth=peak), equipped(tmp_path, more=[full]), validate_every_batches=1)
    assert load(tmp_path / "last.ckpt")["images_seen"] == 24
    fit(toy(truth=peak), equipped(tmp_path), validate_every_batches=1, resume=tmp_path / "last.ckpt")
    assert load(tmp_path / "best.ckpt")["images_seen"] == 32


def test_no_state_is_saved_before_its_figures_are(toy, fit, tmp_path, heard):
    heard.flush = lambda: OSError(28, "No space left on device", "metrics.csv") if heard.rows[-1][0] > 40 else None
    with pytest.raises(NotSaved, match=r"metrics\.csv cannot be written"):
        fit(toy(), equipped(tmp_path, heard, monitor=None))
    assert load(tmp_path / "last.ckpt")["images_seen"] == 24


def test_a_missing_best_checkpoint_is_replaced_by_the_next_best(toy, fit, tmp_path, caplog):
    def peak(images):
        return -abs(images - 24)

    fit(toy(truth=peak), equipped(tmp_path, budget=48), validate_every_batches=1)
    (tmp_path / "best.ckpt").unlink()
    fit(toy(truth=peak), equipped(tmp_path, budget=80), validate_every_batches=1, resume=tmp_path / "last.ckpt")
    assert load(tmp_path / "best.ckpt")["images_seen"] == 56
    assert "best.ckpt is gone" in caplog.text


def test_a_partial_file_of_a_killed_run_is_deleted(toy, fit, tmp_path):
    (tmp_path / "last.ckpt.partial").write_bytes(b"half")
    fit(toy(), equipped(tmp_path, budget=8))
    assert not list(tmp_path.glob("*.partial"))


def test_a_process_killed_while_it_writes_always_leaves_a_whole_file(tmp_path):
    """Writers are killed at random moments; each time the file is intact and its ends agree."""
    program = """
import itertools, os, signal, sys, time, torch
from diptych.callbacks.durable import DurableCheckpointIO

def write(path):
    io = DurableCheckpointIO()
    for count in itertools.count():
        io.save_checkpoint({"first": count, "weights": torch.full((300_000,), count), "last": count}, path)

path = sys.argv[1]
torch.set_num_threads(1)
DurableCheckpointIO().save_checkpoint({"first": -1, "weights": torch.full((1,), -1), "last": -1}, path)
for kill in range(12):
    before = os.stat(path).st_ino
    writer = os.fork()
    if writer == 0:
        write(path)
    while os.stat(path).st_ino == before:
        time.sleep(0.001)
    time.sleep(0.0013 * kill)
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    state = torch.load(path, weights_only=True)
    assert state["first"] == state["last"] == int(state["weights"][-1])
    print(state["first"])
"""
    command = [sys.executable, "-c", program, str(tmp_path / "last.ckpt")]
    written = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout.split()
    assert len(written) == 12
    assert min(map(int, written)) >= 0


def test_the_state_of_callbacks_loads_without_running_code(toy, fit, tmp_path):
    stopping = EarlyStopping(monitor="val/truth", mode="max", patience_images=1000)
    fit(toy(), equipped(tmp_path, more=[stopping, Health(every_images=8)]), validate_every_batches=2)
    states = load(tmp_path / "last.ckpt")["callbacks"]
    assert states["EarlyStopping"]["images"] == states["Checkpoints"]["images"] == 80


def test_a_validation_outside_training_touches_no_checkpoint(toy, fit, tmp_path):
    system = toy()
    trainer = fit(system, equipped(tmp_path, budget=16), validate_every_batches=1)
    before = {path: path.stat().st_mtime_ns for path in Path(tmp_path).iterdir()}
    system.truth = lambda images: math.inf
    with quiet():
        trainer.validate(system, verbose=False)
    assert {path: path.stat().st_mtime_ns for path in Path(tmp_path).iterdir()} == before


def _untimed(row):
    images, metrics = row
    return images, {k: v for k, v in metrics.items() if "second" not in k}
