import json
import os
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from diptych.callbacks import TrainingDiverged
from diptych.config import UserError
from diptych.config.composition import compose
from diptych.runs import training
from diptych.runs.checkpoint_state import newest_checkpoint
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.folder.find import find_run
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DIVERGED, DONE, FAILED, LOST, STOPPED
from diptych.runs.lifecycle import record as run_record
from diptych.runs.lifecycle.signals import Stopped
from diptych.runs.membership import training_examples
from diptych.runs.parts import borrow, load_parts
from diptych.runs.requirements import find_lenders
from diptych.runs.training import resume, train
from diptych.tracking import CsvTracker, read_metrics

TRUST = ["tinyparts"]


def test_a_run_leaves_a_whole_folder(tiny):
    config = tiny("tiny_gan")
    folder, _ = train(config, ["model=tiny_gan"])
    status = folder.read_status()
    assert (status.status, status.images_seen) == (DONE, 1280)
    assert status.best == pytest.approx(
        max(row["val/realism"] for row in read_metrics(folder.metrics) if "val/realism" in row)
    )
    assert folder.read_config() == config
    assert "model=tiny_gan" in (folder.path / "overrides.yaml").read_text()
    start = json.loads((folder.path / "environment.json").read_text())["starts"][0]
    assert start["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert {p.name for p in folder.checkpoints.iterdir()} == {"best.ckpt", "last.ckpt", "previous.ckpt"}
    assert "pytorch_lightning" in folder.log.read_text()


def test_validation_comes_every_so_many_images_and_at_the_end(tiny):
    folder, _ = train(tiny("tiny_gan", "validate_every_images=500", "budget_images=1280"))
    rows = read_metrics(folder.metrics)
    assert [row["images"] for row in rows if "val/realism" in row] == [512, 1024, 1280]


def test_progress_counts_pairs_where_the_system_counts_pairs(tiny):
    folder, _ = train(tiny("tiny_captioner", "validate_every_images=1000", "budget_images=2048"))
    rows = read_metrics(folder.metrics)
    assert [row["images"] for row in rows if "val/loss" in row] == [1024, 2048]


@pytest.mark.parametrize("override", ["seed=1", "~callbacks.checkpoints"])
def test_a_figure_that_validation_does_not_measure_is_refused_before_the_first_step(tiny, override):
    config = tiny("tiny_gan", "monitor=val/reality", override)
    config["callbacks"]["early_stopping"] = {"_target_": "diptych.callbacks.EarlyStopping", "patience_images": 64}
    with pytest.raises(ValueError, match=r"val/reality: .* it measures .*val/realism"):
        train(config)
    assert not list(_outputs(config).iterdir())


def test_a_refused_run_leaves_nothing_behind(tiny, tmp_path):
    config = tiny("tiny_gan", "data=mnist", f"data.root={tmp_path / 'nowhere'}", "data.download=false")
    with pytest.raises(ValueError, match=r"data\.root=.*nowhere"):
        train(config)
    assert not list(_outputs(config).iterdir())


def test_a_run_on_one_device_ignores_slurm(tiny, monkeypatch):
    """In a batch script, Lightning would refuse `--ntasks` and handle SIGUSR1 itself."""
    batch_script = {"SLURM_JOB_ID": "8", "SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_NAME": "mine"}
    for name, value in batch_script.items():
        monkeypatch.setenv(name, value)
    seen = []
    monkeypatch.setattr("tinyparts.Pause.on_train_batch_end", lambda *_: seen.append(signal.getsignal(signal.SIGUSR1)))
    config = tiny("tiny_gan", "budget_images=32")
    config["callbacks"]["pause"] = {"_target_": "tinyparts.Pause", "seconds": 0.0}
    folder, _ = train(config)
    assert folder.read_status().status == DONE
    assert seen == [signal.SIG_DFL]


def test_a_failed_run_records_why(tiny):
    config = tiny("tiny_gan")
    config["callbacks"]["explode"] = {"_target_": "tinyparts.Explode", "images": 320}
    with pytest.raises(RuntimeError, match="data have run out"):
        train(config)
    folder = find_run("latest", _outputs(config))
    status = folder.read_status()
    assert (status.status, status.why) == (FAILED, "RuntimeError: the data have run out")
    assert "in on_train_batch_end" in folder.log.read_text()


def test_a_diverged_run_is_recorded_as_diverged(tiny):
    config = tiny("tiny_gan")
    config["callbacks"] = {"poison": {"_target_": "tinyparts.Poison", "images": 320}, **config["callbacks"]}
    config["callbacks"]["health"] = {"_target_": "diptych.callbacks.Health", "every_images": 320}
    with pytest.raises(TrainingDiverged):
        train(config)
    status = find_run("latest", _outputs(config)).read_status()
    assert status.status == DIVERGED
    assert "not a number" in status.why


def test_huge_learning_rates_diverge_and_do_not_fail(tmp_path):
    rates = ["generator_optimizer.lr=1e30", "discriminator_optimizer.lr=1e30", "data.image_size=16"]
    small = ["model=mlp_gan", "data=digits", "tracking=csv", "budget_images=640", "data.batch_size=16"]
    config = compose([*small, *rates, f"paths.outputs={tmp_path / 'outputs'}"])
    with pytest.raises(FloatingPointError):
        train(config)
    run = find_run("latest", _outputs(config))
    assert run.read_status().status == DIVERGED
    assert len(training_examples(run).identities) == 1797 - 180 - 360


def test_a_run_writes_heartbeats_and_holds_its_lock(tiny, monkeypatch):
    monkeypatch.setattr("diptych.runs.lifecycle.heartbeat.EVERY_SECONDS", 0.0)
    seen = []
    wrote = RunFolder.write_sign_of_life
    monkeypatch.setattr(
        RunFolder, "write_sign_of_life", lambda self, images, best: (seen.append(images), wrote(self, images, best))
    )
    folder, _ = train(tiny("tiny_gan", "budget_images=320"))
    assert seen[0] == 0
    assert sorted(set(seen)) == list(range(0, 321, 32))
    assert folder.lock.exists()


def test_a_heartbeat_that_cannot_be_written_does_not_end_the_run(tiny, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(RunFolder, "write_sign_of_life", full)
    folder, _ = train(tiny("tiny_gan", "budget_images=64"))
    assert folder.read_status().status == DONE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["step", "validation"])
def test_a_stopped_run_has_saved_where_it_stopped(tiny, number, where):
    config = tiny("tiny_gan")
    config["callbacks"]["strike"] = {
        "_target_": "tinyparts.Strike",
        "images": 300,
        "signum": int(number),
        "where": where,
    }
    with pytest.raises(Stopped) as stop:
        train(config)
    assert stop.value.code == 128 + number
    folder = find_run("latest", _outputs(config))
    assert stop.value.__notes__ == [f"it has seen 320 images; resume it with\ndiptych resume {folder.path}"]
    assert (folder.read_status().status, folder.read_status().why) == (STOPPED, f"stopped by {number.name}")
    assert folder.read_status().images_seen == 320
    assert read_checkpoint(folder.last)["images_seen"] == 320
    assert "val/realism" in read_metrics(folder.metrics)[-1]


def test_signals_during_the_end_do_not_prevent_the_final_record(tiny, monkeypatch, caplog):
    monkeypatch.setattr(run_record, "end_workers", lambda: send_sigterm(3))
    folder, _ = train(tiny("tiny_gan", "budget_images=32"))
    assert folder.read_status().status == DONE
    assert caplog.messages.count("SIGTERM changes nothing: the run has ended, and its record is being written") == 3


def test_a_second_signal_ends_slow_trackers(tiny, monkeypatch, caplog):
    monkeypatch.setattr(CsvTracker, "finish", lambda self, status: send_sigterm(2))
    config = tiny("tiny_gan", "budget_images=32")
    with pytest.raises(Stopped):
        train(config)
    assert find_run("latest", _outputs(config)).read_status().status == DONE
    assert "SIGTERM: the run has ended, and its trackers are being closed (once more stops at once)" in caplog.messages


def send_sigterm(times: int) -> None:
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_running_run_cannot_be_resumed(tiny):
    folder, _ = train(tiny("tiny_gan", "budget_images=32"))
    folder.write_status("running")
    with pytest.raises(UserError, match=f"process {os.getpid()}"):
        resume(folder)


def test_resume_looks_for_the_checkpoint_once_and_under_the_lock(tiny, monkeypatch):
    folder, _ = train(tiny("tiny_gan", "budget_images=32"))
    seen = []

    @contextmanager
    def locked(path):
        seen.append("locked")
        yield
        seen.append("let go")

    monkeypatch.setattr(run_record, "locked", locked)
    monkeypatch.setattr(
        training, "newest_checkpoint", lambda folder: (seen.append("looked"), newest_checkpoint(folder))[1]
    )
    resume(folder, ["budget_images=64"], TRUST)
    assert seen == ["locked", "looked", "let go"]


def test_a_run_whose_budget_is_spent_asks_for_more(tiny):
    folder, _ = train(tiny("tiny_gan", "budget_images=32"))
    with pytest.raises(UserError, match=r"has seen 32 of 32 images: add a larger budget_images"):
        resume(folder, trust=TRUST)
    resume(folder, ["budget_images=64"], TRUST)
    assert folder.read_status().images_seen == 64
    assert folder.read_config()["budget_images"] == 64
    assert len(json.loads((folder.path / "environment.json").read_text())["starts"]) == 2


def test_a_larger_budget_stays_after_a_kill_before_the_first_save(tiny):
    folder, _ = train(tiny("tiny_gan", "budget_images=32"))
    folder.write_config({**folder.read_config(), "budget_images": 96})  # as `resume` does before it trains
    folder.write_status(LOST)
    resume(folder, trust=TRUST)
    assert (folder.read_status().status, folder.read_status().images_seen) == (DONE, 96)
    assert folder.read_config()["budget_images"] == 96


def test_with_an_unreadable_config_a_run_resumes_from_its_checkpoint_s_config(tiny):
    folder, _ = train(tiny("tiny_gan", "budget_images=64"))
    whole = folder.read_config()
    folder.config.write_text("\0" * 10)
    folder.write_status(LOST)
    resume(folder, trust=TRUST)
    assert (folder.read_status().images_seen, folder.read_config()) == (64, whole)


def test_devices_null_stays_null_in_checkpoints(tiny, monkeypatch):
    """Otherwise a resumed run would keep the number of the first machine, and have another digest."""
    monkeypatch.setattr("diptych.runs.distributed.strategies.usable_cpus", lambda: 1)
    folder, _ = train(tiny("tiny_gan", "budget_images=32", "trainer.devices=null"))
    assert read_checkpoint(folder.last)["config"] == folder.read_config()
    assert folder.read_config()["trainer"]["devices"] is None


@pytest.mark.parametrize("status", [DONE, STOPPED])
def test_a_budget_below_the_images_seen_is_refused(tiny, status):
    folder, _ = train(tiny("tiny_gan", "budget_images=128"))
    folder.write_status(status)
    before = folder.read_config()
    with pytest.raises(UserError, match=r"budget_images=64: .* has already seen 128 images: increase it"):
        resume(folder, ["budget_images=64"], TRUST)
    assert (folder.read_status().status, folder.read_config()) == (status, before)


@pytest.mark.parametrize("patience", [None, 320])
def test_a_run_killed_before_it_recorded_that_it_is_done_records_it_when_resumed(tiny, patience, monkeypatch):
    """It trains no further, keeps every byte, and gives trackers the same checkpoint."""
    handed_on = []
    monkeypatch.setattr(CsvTracker, "checkpoint", lambda self, file, images: handed_on.append((file, images)))
    still = ["generator_optimizer.lr=0", "discriminator_optimizer.lr=0"]
    config = tiny("tiny_gan", *still)
    config["callbacks"] |= {
        "early_stopping": {"_target_": "diptych.callbacks.EarlyStopping", "patience_images": patience}
    }
    config["callbacks"] = {
        name: config["callbacks"][name] for name in ("budget", "early_stopping", "metrics_log", "checkpoints")
    }
    folder, _ = train(config)
    done = folder.read_status()
    assert done.images_seen == (640 if patience else 1280)
    before = [path.read_bytes() for path in (folder.last, folder.best, folder.metrics)]
    folder.write_status("running", images_seen=0)
    status = folder.path / "status.json"
    status.write_text(status.read_text().replace('"born": "', '"born": "0'))
    resume(folder, trust=TRUST)
    assert [path.read_bytes() for path in (folder.last, folder.best, folder.metrics)] == before
    assert (folder.read_status().status, folder.read_status().images_seen) == (DONE, done.images_seen)
    assert folder.read_status().best == done.best
    assert handed_on == 2 * [(folder.best, read_checkpoint(folder.best)["images_seen"])]


def test_a_warm_start_takes_the_weights_and_nothing_else(tiny):
    first, _ = train(tiny("tiny_gan", "budget_images=320"))
    config = tiny("tiny_gan", "budget_images=32", f"init_from={first.run_id}", "generator_optimizer.lr=0", "seed=1")
    second, _ = train(config)
    before, after = (read_checkpoint(path) for path in (first.best, second.last))
    weight = "generator.layers.0.weight"
    assert torch.equal(before["state_dict"][weight], after["state_dict"][weight])
    assert after["images_seen"] == 32


def test_a_warm_start_from_other_networks_is_refused(tiny):
    first, _ = train(tiny("tiny_gan", "budget_images=32"))
    with pytest.raises(UserError, match=r"(?s)init_from: .*other networks.*size mismatch"):
        train(tiny("tiny_gan", f"init_from={first.run_id}", "generator.width=4"))


def test_debug_configurations_do_what_they_promise(tiny):
    folder, _ = train(tiny("tiny_gan", "debug=one_step"))
    assert folder.read_status().images_seen == 32
    folder, _ = train(tiny("tiny_gan", "debug=profile", "budget_images=320"))
    assert "run_training_batch" in (folder.path / "fit-profile.txt").read_text()
    folder, _ = train(tiny("tiny_gan", "debug=anomaly", "budget_images=32"))
    assert folder.read_status().status == DONE


def test_overfit_batch_repeats_one_batch_for_ever(tiny):
    folder, _ = train(tiny("tiny_captioner", "debug=overfit_batch", "budget_images=12_800", "optimizer.lr=0.03"))
    losses = [row["val/loss"] for row in read_metrics(folder.metrics) if "val/loss" in row]
    assert losses[-1] < losses[0]
    assert losses[-1] < 1.5


@pytest.mark.parametrize(("budget", "is_too_small"), [(160, True), (176, False)])
def test_a_budget_that_ends_during_text_pretraining_is_warned_of(tiny, caplog, budget, is_too_small):
    lender, _ = train(tiny("small_captioner", "budget_images=32"))
    train(tiny("small_layered_gan", f"parts.captioner.run={lender.run_id}", f"budget_images={budget}"))
    warning = "budget_images=160: the budget ends during text pretraining (160 images): increase budget_images"
    assert (warning in caplog.text) == is_too_small


def test_parts_are_copied_and_the_copy_is_used(tiny, tmp_path):
    lender, _ = train(tiny("tiny_captioner", "budget_images=64"))
    borrower, _ = train(tiny("tiny_gan", "budget_images=32"))
    borrow(find_lenders({"captioner": {"run": "latest", "task": "tiny_captioning"}}, tmp_path / "outputs"), borrower)
    origin = json.loads((borrower.parts / "captioner.json").read_text())
    assert (origin["run"], origin["checkpoint"]) == (lender.run_id, "best.ckpt")
    lender.best.unlink()
    captioner = load_parts({"parts": ["captioner"]}, borrower, TRUST)["captioner"]
    assert not captioner.training
    assert not any(p.requires_grad for p in captioner.parameters())
    with (borrower.parts / "captioner.ckpt").open("ab") as file:
        file.write(b"!")
    with pytest.raises(UserError, match="SHA-256"):
        load_parts({"parts": ["captioner"]}, borrower, TRUST)


def test_a_part_of_the_wrong_role_is_refused(tiny, tmp_path):
    lender, _ = train(tiny("tiny_captioner", "budget_images=64"))
    with pytest.raises(UserError, match="is trained for tiny_captioning, not captioning"):
        find_lenders({"captioner": {"run": lender.run_id, "task": "captioning"}}, tmp_path / "outputs")


def test_an_unknown_part_is_refused_before_the_folder_is_created(tiny):
    config = tiny("small_layered_gan", "parts.captioner.run=nothing")
    with pytest.raises(UserError, match="there is no run 'nothing'"):
        train(config)
    assert not _outputs(config).exists()


def test_a_validation_set_too_small_for_the_monitored_figure_is_refused(tiny):
    with pytest.raises(ValueError, match=r"val/energy_distance: .*1 example.*increase data\.val_size"):
        train(tiny("small_text_gan", "data.val_size=1"))


@pytest.mark.parametrize(("size", "is_chance"), [(8, True), (16, False)])
def test_a_best_checkpoint_by_chance_is_warned_of(tiny, caplog, size, is_chance):
    train(tiny("small_gan", f"data.val_size={size}", "budget_images=32", "validate_every_images=32"))
    said = f"best.ckpt is chosen by val/energy_distance of {size} validation examples, mostly by chance"
    assert (said in caplog.text) == is_chance


def _outputs(config):
    return Path(config["paths"]["outputs"])
