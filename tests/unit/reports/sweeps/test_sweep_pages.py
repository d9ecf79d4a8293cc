"""What `diptych compare SWEEP` and `diptych report` print and write."""

import json
import math
import re
import time
from pathlib import Path

import pytest
from PIL import Image
from playedsweeps import PlayedRun, grid, played

from diptych.cli.main import main
from diptych.reports.sweeps.axis_limits import window_of
from diptych.reports.sweeps.files import reading_of, write_reading
from diptych.reports.sweeps.report import write_sweep_report
from diptych.runs.folder.layout import RunFolder

PLOTS = ("parallel", "slices", "importance", "curves", "seconds")


def varied(outputs: Path, name: str = "varied", number: int = 24) -> list[PlayedRun]:
    """A search's worth of runs of every kind, with long names and values of every type."""
    runs = []
    for i in range(number):
        lr = 10 ** -(2 + 3 * (i * 0.618 % 1))
        value = 0.9 - 0.1 * (math.log10(lr) + 3.3) ** 2 + 0.002 * (i % 3)
        curve = [value * (1 - 0.7**k) for k in range(1, 10)]
        arguments = [
            "experiment=scenes/a_generator_with_a_rather_long_name",
            f"generator_optimizer.lr={lr}",
            f"discriminator_optimizer.lr={lr * (1 + i % 2)}",
            f"objective={('hinge', 'relativistic', 'non_saturating')[i % 3]}",
            f"generator_optimizer.betas=[{0.5 * (i % 2)},0.99]",
            f"seed={i % 2}",
        ]
        state = {5: "failed", 9: "pruned", 11: "diverged"}.get(i, "done")
        why = "RuntimeError: <b>no</b> & never\nsecond line" if state != "done" else ""
        shown = curve if state == "done" else [*curve[:3], float("nan")] if state == "diverged" else curve[:3]
        runs.append(PlayedRun(arguments, max(curve), state, why, shown, seconds=60 + 7 * i, images=900 + i))
    return runs


def test_no_line_is_wider_than_a_terminal(tmp_path: Path) -> None:
    text = reading_of(played(tmp_path, "varied", varied(tmp_path))).text
    assert max(map(len, text.splitlines())) <= 80
    assert "leading, not confirmed" in text
    assert "what mattered" in text


def test_every_plot_is_drawn_and_the_same_sweep_gives_the_same_files(tmp_path: Path) -> None:
    folder = played(tmp_path, "varied", varied(tmp_path))
    first, second = (write_reading(reading_of(folder), tmp_path / name) for name in "ab")
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
def test_tiny_and_strange_sweeps_have_a_page_too(tmp_path: Path, figures: dict[str, list[float | None]]) -> None:
    folder = grid(tmp_path, "tiny", figures, mode="min")
    page = write_sweep_report(folder, folder.report).read_text()
    assert page.count("<section>") == page.count("</section>") >= 1
    write_reading(reading_of(folder), tmp_path / "out")
    assert "nan" not in reading_of(folder).text


def test_a_sweep_without_a_monitor_has_a_page_that_says_so(tmp_path: Path) -> None:
    folder = played(tmp_path, "last", [PlayedRun(["lr=1"]), PlayedRun(["lr=2"])], monitor=None)
    assert "no figure is monitored" in write_sweep_report(folder, folder.report).read_text().lower()


def test_two_objectives_have_a_front(tmp_path: Path) -> None:
    folder = played(tmp_path, "two", varied(tmp_path))
    folder.ledger.append("search", runs=24, objectives={"val/scene_accuracy": "maximize", "seconds": "minimize"})
    reading = reading_of(folder)
    assert "Pareto front" in reading.text
    assert (tmp_path / "out" / "pareto.png") in write_reading(reading, tmp_path / "out")
    assert "Objectives against each other" in write_sweep_report(folder, folder.report).read_text()


def test_a_page_is_self_contained_and_shows_no_foreign_markup(tmp_path: Path) -> None:
    folder = played(tmp_path, "varied", varied(tmp_path))
    page = write_sweep_report(folder, folder.report).read_text()
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "<b>no</b>" not in page
    assert "&lt;b&gt;no&lt;/b&gt; &amp; never" in page
    assert "#2f5d9b" not in page.partition("</style>")[2]
    links = re.findall(r'href="([^"#][^"]*)"', page)
    assert links
    assert all((folder.report.parent / link).is_dir() for link in links if not link.startswith("#"))


def test_compare_of_one_sweep_reads_it_without_any_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    played(tmp_path, "varied", varied(tmp_path))
    assert main(["compare", "varied", "--json", "--out", str(tmp_path / "out")]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["sweep"]["winner"]["confirmed"] is False
    assert said["comparisons"] == []
    assert all(Path(path).is_file() for path in said["files"])


def test_compare_of_one_sweep_sets_its_evaluated_runs_side_by_side_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    keys = [("x=1", 0.5), ("x=2", 0.9)]
    runs = [
        PlayedRun([key, f"seed={s}"], best + s / 50, tested=best - 0.1 + s / 30, config={"seed": s, "x": key})
        for key, best in keys
        for s in (0, 1)
    ]
    played(tmp_path, "tested", runs)
    assert main(["compare", "tested"]) == 0
    out = capsys.readouterr().out
    assert "test: fully true" in out
    assert "fully true\n" in out
    assert (tmp_path / "comparisons" / "tested" / "comparison.md").is_file()
    assert (tmp_path / "comparisons" / "tested" / "sweep.md").is_file()


@pytest.mark.parametrize("objective", ["val/scene_accuracy", "val/scene_accuracy:up", ":max"])
def test_an_objective_says_which_way_is_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], objective: str
) -> None:
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    grid(tmp_path, "lr", {"lr=1": [0.5]})
    assert main(["compare", "lr", "--objective", objective]) == 2
    assert "val/scene_accuracy:max" in capsys.readouterr().err


def test_report_writes_a_sweeps_page_into_its_folder_and_a_runs_into_its_own(
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


def test_a_window_shows_all_that_is_good_and_leaves_out_only_the_very_bad() -> None:
    usual = [0.5 + i / 100 for i in range(20)]
    assert (window_of([*usual, 50.0], "min").low, window_of([*usual, 50.0], "min").high) == (0.5, 0.69)
    assert window_of([*usual, 50.0], "max").high == 50.0
    assert window_of([*usual, -50.0], "max").low == 0.5
    assert window_of([], "max").low < window_of([], "max").high
    assert window_of([3.0], "min").low < 3.0 < window_of([3.0], "min").high


def test_two_hundred_runs_are_read_and_drawn_in_five_seconds_of_a_core(tmp_path: Path) -> None:
    folder = played(tmp_path, "many", varied(tmp_path, number=200))
    write_reading(reading_of(played(tmp_path, "few", varied(tmp_path, number=12))), tmp_path / "few")  # imports
    begin = time.process_time()
    write_reading(reading_of(folder), tmp_path / "out")
    assert time.process_time() - begin < 5
