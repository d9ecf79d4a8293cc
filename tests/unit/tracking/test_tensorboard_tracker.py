import sys
import time

import pytest
from PIL import Image

from diptych.tracking import RunInfo, TensorBoardTracker

event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def started(folder, resume_images=None):
    tracker = TensorBoardTracker()
    tracker.start({"seed": 1}, RunInfo("20260101-abc", "demo", folder, resume_images))
    return tracker


def read(folder):
    events = event_accumulator.EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return events


def test_curves_pictures_and_tables_read_back(tmp_path):
    picture = tmp_path / "grid.png"
    Image.new("RGB", (8, 6), "red").save(picture)
    tracker = started(tmp_path)
    tracker.log({"train/loss": 0.5}, 64)
    tracker.image("samples/grid", picture, 64)
    tracker.table("samples/captions", ["image", "caption"], [[picture, "a | b"]], 64)
    tracker.summary({"val/truth": 1.0})
    assert tracker.finish("done") == f"TensorBoard: tensorboard --logdir {tmp_path / 'tensorboard'}"
    events = read(tmp_path)
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [(64, 0.5)]
    assert [(e.width, e.height) for e in events.Images("samples/grid")] == [(8, 6)]
    assert "samples/captions/text_summary" in events.Tags()["tensors"]


def test_a_resumed_run_shows_one_curve(tmp_path):
    first = started(tmp_path)
    for images in (64, 128, 192):
        first.log({"train/loss": 1.0}, images)
    first.finish("stopped")
    time.sleep(1.1)  # event files are named and ordered by the second
    second = started(tmp_path, resume_images=128)
    second.log({"train/loss": 2.0}, 192)
    second.finish("done")
    curve = [(event.step, event.value) for event in read(tmp_path).Scalars("train/loss")]
    assert curve == [(64, 1.0), (128, 1.0), (192, 2.0)]


def test_without_tensorboard_the_message_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ValueError, match=r"pip install 'diptych\[tensorboard\]'"):
        started(tmp_path)
