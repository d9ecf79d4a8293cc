"""The output of `diptych compare SWEEP` and `diptych report`."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_sweeps import FakeRun, fake_sweep, grid, varied
from PIL import Image

from diptych.cli.main import main
from diptych.reports.sweeps.axis_limits import axis_limits_of
from diptych.reports.sweeps.files import analysis_of, write_analysis
from diptych.reports.sweeps.report import write_sweep_report
from diptych.runs.folder.layout import RunFolder

PLOTS = ("parallel", "slices", "importance", "curves", "seconds")


def test_no_line_is_wider_than_a_terminal(tmp_path: Path) -> None:
    text = analysis_of(fake_sweep(tmp_path, "varied", varied(tmp_path))).text
    assert max(map(len, text.splitlines())) <= 80
    assert "best trial, not confirmed" in text
    assert "parameter importance" in text


def test_every_plot_is_written_and_files_are_reproducible(tmp_path: Path) -> None:
    folder = fake_sweep(tmp_path, "varied", varied(tmp_path))
    first, second = (write_analysis(analysis_of(folder), tmp_path / name) for name in "ab")
    assert {path.stem for path in first} >= set(PLOTS)
    assert [a.read_bytes() for a in first] == [b.read_bytes() for b in second]
    for path in first:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert min(picture.size) > 250


@pytest.mark.parametrize(
    "figures",
    [
        {"lr=1": [0.5]},
        {"lr=1": [0.5, 0.5]},
        {"lr=1": [None], "lr=2": [None]},
        {"lr=1 x=a": [0.0], "lr=1 x=b": [0.0]},
        {"lr=1": [1e9, 2.0], "lr=2": [1e-9, 1e-8]},
        {"x={a: [1]}": [0.2], "x=null": [0.3], "x='a<b'": [0.4]},
    ],
)
def test_tiny_and_odd_sweeps_have_a_page(tmp_path: Path, figures: dict[str, list[float | None]]) -> None:
    folder = grid(tmp_path, "tiny", figures, mode="min")
    page = write_sweep_report(folder, folder.report).read_text()
    assert page.count("<section>") == page.count("</section>") >= 1
    write_analysis(analysis_of(folder), tmp_path / "out")
    assert "nan" not in analysis_of(folder).text


def test_the_page_of_a_sweep_without_a_monitor_says_so(tmp_path: Path) -> None:
    folder = fake_sweep(tmp_path, "last", [FakeRun(["lr=1"]), FakeRun(["lr=2"])], monitor=None)
    assert "no figure is monitored" in write_sweep_report(folder, folder.report).read_text().lower()


def test_two_objectives_have_a_front(tmp_path: Path) -> None:
    folder = fake_sweep(tmp_path, "two", varied(tmp_path))
    folder.ledger.append("search", runs=24, objectives={"val/scene_accuracy": "maximize", "seconds": "minimize"})
    analysis = analysis_of(folder)
    assert "Pareto front" in analysis.text
    assert (tmp_path / "out" / "pareto.png") in write_analysis(analysis, tmp_path / "out")
    assert "Objectives against each other" in write_sweep_report(folder, folder.report).read_text()


def test_a_page_is_self_contained_and_escapes_markup(tmp_path: Path) -> None:
    folder = fake_sweep(tmp_path, "varied", varied(tmp_path))
    page = write_sweep_report(folder, folder.report).read_text()
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "<b>no</b>" not in page
    assert "&lt;b&gt;no&lt;/b&gt; &amp; never" in page
    assert "#2f5d9b" not in page.partition("</style>")[2]
    links = re.findall(r'href="([^"#][^"]*)"', page)
    assert links
    assert all((folder.report.parent / link).is_dir() for link in links if not link.startswith("#"))


def test_compare_of_a_sweep_needs_no_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    fake_sweep(tmp_path, "varied", varied(tmp_path))
    assert main(["compare", "varied", "--json", "--out", str(tmp_path / "out")]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["sweep"]["best_trial"]["confirmed"] is False
    assert said["comparisons"] == []
    assert all(Path(path).is_file() for path in said["files"])


def test_compare_of_a_sweep_also_compares_its_evaluated_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    keys = [("x=1", 0.5), ("x=2", 0.9)]
    runs = [
        FakeRun([key, f"seed={s}"], best + s / 50, test_result=best - 0.1 + s / 30, config={"seed": s, "x": key})
        for key, best in keys
        for s in (0, 1)
    ]
    fake_sweep(tmp_path, "tested", runs)
    assert main(["compare", "tested"]) == 0
    out = capsys.readouterr().out
    assert "test: fully true" in out
    assert "fully true\n" in out
    assert (tmp_path / "comparisons" / "tested" / "comparison.md").is_file()
    assert (tmp_path / "comparisons" / "tested" / "sweep.md").is_file()


@pytest.mark.parametrize("objective", ["val/scene_accuracy", "val/scene_accuracy:up", ":max"])
def test_an_objective_without_a_direction_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], objective: str
) -> None:
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    grid(tmp_path, "lr", {"lr=1": [0.5]})
    assert main(["compare", "lr", "--objective", objective]) == 2
    assert "val/scene_accuracy:max" in capsys.readouterr().err


def test_report_writes_the_page_into_the_folder_of_its_sweep_or_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    folder = grid(tmp_path, "lr", {"lr=1": [0.5], "lr=2": [0.6]})
    run = folder.run_of(folder.jobs()[0])
    assert main(["report", "lr"]) == 0
    assert folder.report.is_file()
    assert main(["report", run.run_id, "--out", str(tmp_path / "run.html")]) == 0
    assert run.run_id in (tmp_path / "run.html").read_text()
    assert not RunFolder(run.path).report.exists()
    assert main(["report", "lr", "--out", str(tmp_path / "nowhere" / "x.html")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_axis_limits_keep_all_good_values_and_drop_bad_outliers() -> None:
    usual = [0.5 + i / 100 for i in range(20)]
    assert (axis_limits_of([*usual, 50.0], "min").low, axis_limits_of([*usual, 50.0], "min").high) == (0.5, 0.69)
    assert axis_limits_of([*usual, 50.0], "max").high == 50.0
    assert axis_limits_of([*usual, -50.0], "max").low == 0.5
    assert axis_limits_of([], "max").low < axis_limits_of([], "max").high
    assert axis_limits_of([3.0], "min").low < 3.0 < axis_limits_of([3.0], "min").high


def test_every_runs_files_are_read_a_few_times_however_many_runs_there_are(tmp_path: Path) -> None:
    """The work of a page grows with the runs; `benchmarks/sweep_page.py` says how long two hundred take."""
    folder = fake_sweep(tmp_path, "many", varied(tmp_path, number=40))
    with opened_files() as files:
        write_analysis(analysis_of(folder), tmp_path / "out")
    counts = Counter(path for path in files if path.endswith(("metrics.csv", "config.yaml", "status.json")))
    assert len(counts) >= 80
    assert max(counts.values()) <= 4


OPENED: list[list[str]] = []


@contextmanager
def opened_files() -> Iterator[list[str]]:
    """The paths of all files that are opened meanwhile."""
    if not OPENED:
        OPENED.append([])
        sys.addaudithook(lambda event, args: OPENED[-1].append(str(args[0])) if event == "open" else None)
    OPENED.append([])
    try:
        yield OPENED[-1]
    finally:
        OPENED.append([])
