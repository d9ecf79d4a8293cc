"""Results as rows: every run, every figure, and what was measured how; pandas only where somebody asks for a frame."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import diptych
from diptych.config import UserError
from diptych.evaluation.results import CONTENTS, Evaluation, Figure, save
from diptych.reports.results.columns import COLUMNS, RUN_COLUMNS, TRAINING
from diptych.reports.results.rows import result_rows
from diptych.reports.results.wide import one_row_a_run
from diptych.runs.folder.find import all_runs
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DONE, FAILED


def a_run(outputs: Path, name: str, seed: int = 0, lr: float = 0.1, status: str = DONE, best: float | None = 0.5):
    run = RunFolder.create(outputs, "gan_digits", name)
    run.write_config(
        {
            "name": "gan_digits",
            "seed": seed,
            "budget_images": 64,
            "data_name": "digits",
            "data": {"seed": seed, "batch_size": 8},
            "monitor": "val/energy_distance",
            "mode": "min",
            "optimizer": {"lr": lr},
            "parts": {},
        }
    )
    run.write_task("text_to_image")
    run.write_environment({"sweep": "rates" if lr > 0.1 else ""})
    run.write_status(status, images_seen=64, best=best)
    return run


def evaluated(run: RunFolder, value: float, age: int = 0, kind: str = "generation", **protocol) -> Path:
    figures = [
        Figure("recall", value, 20, (value - 0.1, value + 0.1), interval_over=CONTENTS, contents=10, chance=0.0),
        Figure("vendi_score", 3.0, 20, percent=False, note="of 20 images"),
        Figure("scene_accuracy", None, note="these data have no scenes"),
    ]
    known = {"run": run.run_id, "images_seen": 32, "data": "digits", "split": "test", "num": 20, "seed": 0}
    path = save(Evaluation(kind, "Generation", {**known, **protocol}, figures), run.evaluations, "best")
    os.utime(path, ns=(age, age))
    return path


@pytest.fixture
def outputs(tmp_path) -> Path:
    evaluated(a_run(tmp_path, "a"), 0.4)
    evaluated(a_run(tmp_path, "b", seed=1, lr=0.2), 0.6)
    a_run(tmp_path, "c", status=FAILED, best=None)
    return tmp_path


def measured(rows) -> list[tuple]:
    return [(row["run"], row["benchmark"], row["figure"], row["value"]) for row in rows]


def test_every_figure_of_every_run_is_a_row_and_no_run_is_missing(outputs):
    rows = result_rows(all_runs(outputs))
    assert measured(rows) == [
        ("a", TRAINING, "energy_distance", 0.5),
        ("a", "generation", "recall", 0.4),
        ("a", "generation", "vendi_score", 3.0),
        ("a", "generation", "scene_accuracy", None),
        ("b", TRAINING, "energy_distance", 0.5),
        ("b", "generation", "recall", 0.6),
        ("b", "generation", "vendi_score", 3.0),
        ("b", "generation", "scene_accuracy", None),
        ("c", None, None, None),
    ]
    assert all(list(row) == list(COLUMNS) for row in rows)


def test_a_row_says_of_which_run_and_how_it_was_measured(outputs):
    recall = result_rows(all_runs(outputs))[5]
    assert {key: recall[key] for key in ("seed", "budget_images", "sweep", "status", "task", "images_seen")} == {
        "seed": 1,
        "budget_images": 64,
        "sweep": "rates",
        "status": "done",
        "task": "text_to_image",
        "images_seen": 64,
    }
    assert (recall["low"], recall["high"]) == pytest.approx((0.5, 0.7))
    assert (recall["interval_over"], recall["n"], recall["contents"]) == (CONTENTS, 20, 10)
    assert (recall["data"], recall["split"], recall["weights_at"]) == ("digits", "test", 32)
    assert recall["protocol"]["num"] == 20
    assert Path(recall["measured_in"]).is_file()


def test_protocols_are_equal_where_figures_may_stand_side_by_side(tmp_path):
    run, other = a_run(tmp_path, "a"), a_run(tmp_path, "b", seed=1)
    evaluated(run, 0.4)
    evaluated(other, 0.4, age=1, images_seen=64, commit="abc")
    evaluated(other, 0.4, age=2, num=10)
    ids = [row["protocol_id"] for row in result_rows([run, other]) if row["figure"] == "recall"]
    assert ids[0] == ids[1] != ids[2]
    (of_run, *_), (of_other, *_) = result_rows([run]), result_rows([other])
    assert of_run["protocol_id"] == of_other["protocol_id"]  # the same validation split, whatever the seed
    assert (of_run["method"], of_other["method"]) == (of_run["method"], of_run["method"])
    assert of_run["configuration"] != of_other["configuration"]


@pytest.mark.parametrize("trainer", [{"max_val_batches": 1}, {"overfit_batch": True}])
def test_a_validation_of_another_extent_is_another_protocol(tmp_path, trainer):
    ids = []
    for name, settings in (("a", trainer), ("b", {"max_val_batches": None, "overfit_batch": False})):
        run = a_run(tmp_path, name)
        run.write_config({**run.read_config(), "trainer": settings})
        ids += [row["protocol_id"] for row in result_rows([run])]
    assert len(set(ids)) == 2


def test_the_newest_of_a_protocol_counts(tmp_path):
    run = a_run(tmp_path, "a", best=None)
    evaluated(run, 0.7, age=2, images_seen=64)
    evaluated(run, 0.4, age=1)
    evaluated(run, 0.9, age=3, split="val")
    recalls = [row["value"] for row in result_rows([run]) if row["figure"] == "recall"]
    every = [row["value"] for row in result_rows([run], every=True) if row["figure"] == "recall"]
    assert (recalls, every) == ([0.7, 0.9], [0.4, 0.7, 0.9])


def test_keys_of_the_configuration_become_columns(outputs):
    rows = result_rows(all_runs(outputs), config=["optimizer.lr"])
    assert {row["run"]: row["optimizer.lr"] for row in rows} == {"a": 0.1, "b": 0.2, "c": 0.1}
    assert list(rows[0])[len(RUN_COLUMNS)] == "optimizer.lr"


def test_a_key_that_is_empty_everywhere_is_a_column_as_well(tmp_path):
    run = a_run(tmp_path, "a")
    run.write_config({**run.read_config(), "system": {"micro_batch_size": None}})
    assert [row["system.micro_batch_size"] for row in result_rows([run], config=["system.micro_batch_size"])] == [None]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (["optimizer.rate"], r"no run here has optimizer\.rate"),
        (["seed"], r"there is a column seed already \(its training seed\)"),
        ("optimizer.lr", r"give a list of keys, \['optimizer\.lr'\]"),
    ],
)
def test_keys_that_cannot_be_columns_are_named(config, says, outputs):
    with pytest.raises(UserError, match=says):
        result_rows(all_runs(outputs), config=config)


def test_what_is_damaged_is_said_and_the_rest_is_there(outputs, caplog):
    first, second, _ = all_runs(outputs)
    (file,) = first.evaluations.glob("*.json")
    file.write_text("{")
    second.config.write_text("{")
    rows = result_rows(all_runs(outputs))
    assert f"left out: {file} is damaged" in caplog.text
    assert [(row["run"], row["figure"], row["status"]) for row in rows] == [
        ("a", "energy_distance", "done"),
        *[("b", figure, "damaged") for figure in ("recall", "vendi_score", "scene_accuracy")],
        ("c", None, "failed"),
    ]


def test_one_row_a_run_has_a_column_for_each_figure(outputs):
    wide = one_row_a_run(result_rows(all_runs(outputs), config=["optimizer.lr"]))
    assert [row["run"] for row in wide] == ["a", "b", "c"]
    assert list(wide[0]) == [
        *RUN_COLUMNS,
        "optimizer.lr",
        "training/energy_distance",
        "generation/recall",
        "generation/vendi_score",
    ]
    assert [row["generation/recall"] for row in wide] == [0.4, 0.6, None]


def test_a_column_never_mixes_protocols(tmp_path):
    run, other = a_run(tmp_path, "a", best=None), a_run(tmp_path, "b", seed=1, best=None)
    evaluated(run, 0.4, age=1)
    evaluated(run, 0.5, age=2, split="val")
    evaluated(other, 0.6, age=1)
    evaluated(other, 0.7, age=2, num=10)
    first, second = one_row_a_run(result_rows([run, other]))
    columns = [name for name in first if name.startswith("generation/recall")]
    assert [(first[name], second[name]) for name in columns] == [(0.4, 0.6), (0.5, None), (None, 0.7)]
    assert columns[1] == "generation/recall (digits val)"
    digests = {row["value"]: row["protocol_id"] for row in result_rows([run, other]) if row["figure"] == "recall"}
    assert columns[0] == f"generation/recall (digits test, {digests[0.4]})"


def test_rows_and_their_modules_need_no_pandas():
    code = "import sys; sys.modules['pandas'] = None; import diptych.reports.results.rows, diptych.reports.results.wide"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_pandas_the_command_that_installs_it_is_said(outputs, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match=r"pip install 'pandas>=2\.2'"):
        diptych.results(outputs=outputs)


@pytest.fixture
def pandas():
    return pytest.importorskip("pandas", reason="pandas is an extra: pip install 'diptych[notebooks]'")


def test_a_frame_has_the_same_rows_and_types_that_hold_without_values(outputs, pandas):
    frame = diptych.results(outputs=outputs)
    rows = result_rows(all_runs(outputs))
    assert list(frame.columns) == list(COLUMNS)
    assert frame["run"].tolist() == [row["run"] for row in rows]
    assert str(frame["n"].dtype) == str(frame["seed"].dtype) == "Int64"
    assert str(frame["value"].dtype) == "float64"
    assert frame["started"].dt.tz is not None
    best = frame[frame["figure"] == "recall"].groupby("sweep", dropna=False)["value"].max()
    assert sorted(best) == [0.4, 0.6]


def test_a_frame_is_of_the_runs_that_are_named(outputs, pandas, monkeypatch):
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(outputs))
    assert set(diptych.results("b")["run"]) == {"b"}
    assert set(diptych.results(["a", outputs / "gan_digits" / "c"])["run"]) == {"a", "c"}
    wide = diptych.results(wide=True, config=["optimizer.lr"])
    assert (wide["run"].tolist(), wide["optimizer.lr"].tolist()) == (["a", "b", "c"], [0.1, 0.2, 0.1])
    assert str(wide["generation/recall"].dtype) == "float64"


def test_no_runs_give_an_empty_frame_with_its_columns(tmp_path, pandas):
    assert list(diptych.results(outputs=tmp_path).columns) == list(COLUMNS)
    assert len(diptych.results(outputs=tmp_path, wide=True)) == 0
