import io
import logging
import sys

import pytest
from rich.console import Console

from diptych.callbacks import Budget, Progress
from diptych.callbacks.progress_views import Bar, Lines, ProgressState, fitting, two_rows


def state(images, text="", budget=30_000):
    return ProgressState(images, budget, images_per_second=1234.4, seconds_left=3725.0, text=text)


def plain_lines(caplog):
    return [record.message for record in caplog.records if record.name == "diptych.callbacks.progress_views"]


def test_without_a_terminal_every_tenth_of_the_budget_is_one_line(toy, fit, caplog):
    caplog.set_level(logging.INFO, logger="diptych")
    fit(toy(), [Budget(budget_images=160), Progress(budget_images=160, monitor="val/truth")])
    lines = plain_lines(caplog)
    assert 1 <= len(lines) <= 10
    assert lines[-1].startswith("100%  160/160 images")
    assert "d_loss 0.00625" in lines[-1]


def test_losses_of_a_phase_that_is_over_are_no_longer_shown(toy, fit, caplog, monkeypatch):
    class Phases(toy):
        def log_metrics(self, stage, values):
            phase = "pretraining_loss" if self.images_seen <= 80 else "d_loss"
            super().log_metrics(stage, {phase if name == "d_loss" else name: v for name, v in values.items()})

    monkeypatch.setattr("diptych.callbacks.progress.FIGURES_SECONDS", 0.0)
    monkeypatch.setattr("diptych.callbacks.progress.REFRESH_SECONDS", 0.0)
    caplog.set_level(logging.INFO, logger="diptych")
    fit(Phases(), [Budget(budget_images=160), Progress(budget_images=160)])
    shown = {line.split("/")[0].split()[-1]: line for line in plain_lines(caplog)}
    assert "pretraining_loss" in shown["80"]
    assert "d_loss 0.00625" in shown["160"]
    assert "pretraining_loss" not in shown["160"]


def test_a_slow_run_shows_heartbeat_lines(caplog, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("diptych.callbacks.progress_views.time.monotonic", lambda: now[0])
    caplog.set_level(logging.INFO, logger="diptych")
    lines = Lines(heartbeat_seconds=30)
    lines.start(state(0))
    for now[0] in range(1, 100):
        lines.show(state(100))
    assert len(plain_lines(caplog)) == 3


def test_quiet_shows_nothing(toy, fit, caplog, capsys):
    caplog.set_level(logging.INFO, logger="diptych")
    fit(toy(), [Budget(budget_images=160), Progress(budget_images=160, quiet=True)])
    assert not plain_lines(caplog)
    assert not capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 120])
def test_the_bar_fits_its_terminal_in_two_rows(width):
    figures = "d_loss 0.5321  g_loss 1.734  contrastive_loss 0.1234  val/truth 0.9512 " * 2
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(two_rows(state(12_800, figures)))
    first, second = console.file.getvalue().rstrip("\n").split("\n")
    assert first.startswith(" 42% ")
    assert first.endswith("12,800/30,000 images  1,234/s  1:02:05 left")
    assert len(first) == width
    assert second.startswith("     d_loss 0.5321")
    assert second.endswith("…")
    assert len(second) == width


def test_messages_appear_above_the_bar_and_normally_after_it(monkeypatch):
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", stderr)
    monkeypatch.setattr(sys, "stderr", stderr)
    handler = logging.StreamHandler(stderr)
    logging.getLogger().addHandler(handler)
    try:
        bar = Bar(Console(file=io.StringIO(), width=80, force_terminal=True))
        bar.start(state(0))
        assert handler.stream is not stderr
        bar.close()
        bar.close()
        assert handler.stream is stderr
    finally:
        logging.getLogger().removeHandler(handler)


def test_the_bar_is_removed_when_training_fails(toy, fit, monkeypatch):
    closed = []
    monkeypatch.setattr("diptych.callbacks.progress.Lines.close", lambda self: closed.append(1), raising=False)

    class Breaks(toy):
        def training_step(self, batch, batch_idx):
            raise RuntimeError("inside a step")

    with pytest.raises(RuntimeError):
        fit(Breaks(), [Progress(budget_images=160)])
    assert closed


def test_a_line_holds_only_the_figures_that_fit_and_only_whole_ones():
    start, figures = "x" * 60, "d_loss 1.234  g_patch_loss 0.5"
    assert fitting(start, figures) == f"{start}  d_loss 1.234"
    assert fitting("short", figures) == f"short  {figures}"
    assert fitting(start, "") == start
