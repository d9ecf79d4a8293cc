import subprocess
import sys
from pathlib import Path

import pytest

from diptych.tracking import RunInfo, Tracker, Trackers

RUN = RunInfo(id="20260101-abc", experiment="demo", folder=Path())


class Listener(Tracker):
    def __init__(self, fails_at=None, line=None):
        self.fails_at, self.line, self.heard, self.finished = fails_at, line, [], None

    def log(self, metrics, images):
        if images == self.fails_at:
            raise RuntimeError("the line is cut")
        self.heard.append(images)

    def finish(self, status):
        self.finished = status
        return self.line


def test_a_broken_tracker_is_left_out_once_and_the_others_continue(caplog):
    broken, sound = Listener(fails_at=2), Listener()
    trackers = Trackers([broken, sound])
    for images in (1, 2, 3):
        trackers.log({}, images)
    assert broken.heard == [1]
    assert sound.heard == [1, 2, 3]
    assert [record.message for record in caplog.records] == [
        "Listener failed and is left out from here on: the line is cut"
    ]


def test_every_tracker_is_finished_even_a_broken_one():
    broken, sound = Listener(fails_at=1), Listener(line="look there")
    trackers = Trackers([broken, sound])
    trackers.log({}, 1)
    assert trackers.finish("failed") == ["look there"]
    assert broken.finished == sound.finished == "failed"


def test_an_error_in_the_configuration_is_raised():
    class Misconfigured(Tracker):
        def start(self, config, run):
            raise ValueError("tracking.x is wrong")

    with pytest.raises(ValueError, match=r"tracking\.x is wrong"):
        Trackers([Misconfigured()]).start({}, RUN)


def test_an_exception_that_stops_the_process_is_raised():
    class Interrupted(Tracker):
        def log(self, metrics, images):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Trackers([Interrupted()]).log({}, 1)


def test_csv_and_no_tracking_never_import_wandb(tmp_path):
    program = f"""
import sys
from pathlib import Path
from diptych.tracking import CsvTracker, RunInfo, Trackers
for trackers in (Trackers([]), Trackers([CsvTracker()])):
    trackers.start({{}}, RunInfo("1", "demo", Path({str(tmp_path)!r})))
    trackers.log({{"train/loss": 1.0}}, 1)
    trackers.finish("done")
sys.exit("wandb" in sys.modules or "tensorboard" in sys.modules or "torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
