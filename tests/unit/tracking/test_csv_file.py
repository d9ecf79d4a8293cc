import math
import resource
import signal

import pytest

from diptych.tracking import CsvTracker, RunInfo, read_metrics


@pytest.fixture
def run(tmp_path):
    return RunInfo(id="20260101-abc", experiment="demo", folder=tmp_path)


def started(run, resume_images=None):
    tracker = CsvTracker()
    tracker.start({}, RunInfo(run.id, run.experiment, run.folder, resume_images))
    return tracker


def test_every_row_is_on_disk_as_soon_as_it_is_logged(run):
    tracker = started(run)
    for images in (64, 128):
        tracker.log({"train/loss": 1 / images}, images)
        assert read_metrics(run.folder / "metrics.csv")[-1]["images"] == images


def test_a_new_column_keeps_all_earlier_rows(run):
    tracker = started(run)
    tracker.log({"train/loss": 0.5}, 64)
    tracker.log({"val/truth": 0.25}, 64)
    tracker.log({"train/loss": 0.25, "val/truth": 0.75}, 128)
    assert read_metrics(run.folder / "metrics.csv") == [
        {"images": 64, "train/loss": 0.5},
        {"images": 64, "val/truth": 0.25},
        {"images": 128, "train/loss": 0.25, "val/truth": 0.75},
    ]
    assert (run.folder / "metrics.csv").read_text().splitlines()[0] == "images,train/loss,val/truth"


def test_interrupted_and_resumed_leaves_the_same_file_as_uninterrupted(run, tmp_path_factory):
    whole = RunInfo(run.id, run.experiment, tmp_path_factory.mktemp("whole"))
    rows = [(images, {"train/loss": 1 / images} if images % 3 else {"val/truth": images / 7}) for images in range(1, 9)]
    straight, first = started(whole), started(run)
    for images, metrics in rows:
        straight.log(metrics, images)
        first.log(metrics, images) if images <= 7 else None
    resumed = started(run, resume_images=5)
    for images, metrics in rows[5:]:
        resumed.log(metrics, images)
    assert (run.folder / "metrics.csv").read_bytes() == (whole.folder / "metrics.csv").read_bytes()


@pytest.mark.parametrize("torn", ["128,0.2", "128,", "12", "\n128,"])
def test_a_line_torn_by_a_crash_is_dropped_on_resume(run, torn):
    started(run).log({"train/loss": 0.5}, 64)
    with (run.folder / "metrics.csv").open("a") as file:
        file.write(torn)
    started(run, resume_images=128).log({"train/loss": 0.25}, 192)
    assert [row["images"] for row in read_metrics(run.folder / "metrics.csv")] == [64, 192]


@pytest.mark.parametrize("end", [b"\0" * 20 + b"\n", b"128,x\n\xff\xfe\n", b"128,0.2,7\n", b"\0\n12"])
def test_rows_at_the_end_that_cannot_be_read_are_dropped_on_resume(run, end, caplog):
    started(run).log({"train/loss": 0.5}, 64)
    with (run.folder / "metrics.csv").open("ab") as file:
        file.write(end)
    started(run, resume_images=64).log({"train/loss": 0.25}, 128)
    assert [row["images"] for row in read_metrics(run.folder / "metrics.csv")] == [64, 128]
    assert [record.getMessage().startswith(str(run.folder / "metrics.csv")) for record in caplog.records] == [True]


@pytest.mark.parametrize("content", [b"images,a\n\0\0\n128,0.5\n", b"\0\0\n128,0.5\n"])
def test_a_file_damaged_before_its_end_cannot_be_resumed(run, content):
    (run.folder / "metrics.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"metrics\.csv is damaged: "):
        started(run, resume_images=64)
    assert (run.folder / "metrics.csv").read_bytes() == content


def test_a_run_that_starts_from_nothing_starts_a_new_file(run):
    started(run).log({"train/loss": 0.5}, 64)
    started(run)
    assert read_metrics(run.folder / "metrics.csv") == []


def test_numbers_are_read_back_unchanged(run):
    values = {"a": 0.1, "b": -3e-30, "c": math.inf, "d": 123456789012.0, "e": 1.17549435e-38}
    started(run).log(values, 10**12 + 1)
    (row,) = read_metrics(run.folder / "metrics.csv")
    assert row == {"images": 10**12 + 1, **values}


def test_not_a_number_is_written_as_such(run):
    started(run).log({"train/loss": math.nan}, 64)
    assert math.isnan(read_metrics(run.folder / "metrics.csv")[0]["train/loss"])


def test_rows_stay_in_memory_while_the_disk_is_full(run, monkeypatch, caplog):
    tracker = started(run)
    tracker.log({"train/loss": 0.5}, 64)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(tracker, "_append", full)
        tracker.log({"train/loss": 0.4}, 128)
        tracker.log({"train/loss": 0.3}, 192)
    assert len(caplog.records) == 1
    tracker.log({"train/loss": 0.2}, 256)
    assert [row["images"] for row in read_metrics(run.folder / "metrics.csv")] == [64, 128, 192, 256]


def test_a_row_that_a_full_disk_cut_off_is_removed(run):
    tracker = started(run)
    tracker.log({"train/loss": 0.5}, 64)
    size = (run.folder / "metrics.csv").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 3, limits[1]))
        tracker.log({"train/loss": 0.4}, 128)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert (run.folder / "metrics.csv").stat().st_size == size
    tracker.log({"train/loss": 0.3}, 192)
    assert [row["images"] for row in read_metrics(run.folder / "metrics.csv")] == [64, 128, 192]


def test_no_partial_file_is_left_behind(run):
    started(run).log({"a": 1.0, "b": 2.0}, 1)
    assert [path.name for path in run.folder.iterdir()] == ["metrics.csv"]


@pytest.mark.parametrize("content", ["images,a\n64,0.5\n128,x\n", "images,a\n64,0.5,7\n", "a\n0.5\n", "images\n\x00\n"])
def test_a_damaged_file_is_named(run, content):
    path = run.folder / "metrics.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"metrics\.csv is damaged: "):
        read_metrics(path)


def test_a_resume_on_a_full_disk_cuts_the_file_back_as_soon_as_there_is_room(run, monkeypatch):
    first = started(run)
    for images in (64, 128, 192):
        first.log({"train/loss": 1 / images}, images)
    with monkeypatch.context() as patched:
        patched.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        tracker = started(run, resume_images=64)
        tracker.log({"train/loss": 0.5}, 128)
        with pytest.raises(OSError, match="No space left"):
            tracker.flush()
        assert [path.name for path in run.folder.iterdir()] == ["metrics.csv"]
    tracker.flush()
    assert read_metrics(run.folder / "metrics.csv")[1:] == [{"images": 128, "train/loss": 0.5}]
