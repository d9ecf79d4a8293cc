"""How rows stand, and what becomes of a finished run."""

import getpass
import os
import shutil

import pytest
from result_tables import DECLARED, SMALL, declare, evaluated, trained

from diptych.config import UserError
from diptych.reports.tables.declaration import chosen, read_tables
from diptych.reports.tables.production import Production, _Measuring
from diptych.reports.tables.records import path_of, read_record, read_records
from diptych.reports.tables.standing import Inventory
from diptych.runs.folder.status import DONE, FAILED, RUNNING, STOPPED
from diptych.sweeps.control import retry
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Jobs

HINGE = [*SMALL, "objective=hinge"]


def states(inventory, *words):
    inventory.refresh()
    found = inventory.standings(chosen(inventory.tables, words))
    return {f"{one.row.key}-{one.seed}": one.state for one in found}


def collect(inventory, *words):
    production = Production(inventory)
    production.measure(chosen(inventory.tables, words), evaluate=False)
    return production.written


def again(inventory, **changes):
    """The same folders with another declaration of the small table."""
    declare(inventory.folder, {"small": {**DECLARED["small"], **changes}})
    return Inventory(read_tables(inventory.folder), inventory.folder, inventory.outputs)


def test_a_row_is_missing_then_unfinished_then_trained_then_measured(inventory, outputs):
    assert states(inventory, "small") == dict.fromkeys(("small/base-0", "small/base-1", "small/hinge-0"), "missing")
    trained(outputs, HINGE, 0, status=STOPPED)
    assert states(inventory, "small/hinge") == {"small/hinge-0": "unfinished"}
    run = trained(outputs, HINGE, 0)
    assert states(inventory, "small/hinge") == {"small/hinge-0": "trained"}
    assert collect(inventory, "small/hinge") == []  # nobody has evaluated it
    evaluated(run, 0.5)
    assert collect(inventory, "small/hinge") == [path_of(inventory.folder, "small", "hinge", 0)]
    assert states(inventory, "small/hinge") == {"small/hinge-0": "measured"}


def test_failed_runs_and_those_in_other_hands_are_not_trained_again(inventory, outputs):
    trained(outputs, SMALL, 0, status=FAILED)
    trained(outputs, SMALL, 1, status=RUNNING)
    standings = inventory.standings(chosen(inventory.tables, ["small/base"]))
    assert [(one.state, one.is_wanted) for one in standings] == [("failed", False), ("running", False)]


def test_a_failed_run_that_was_queued_again_is_wanted(inventory, outputs):
    run = trained(outputs, HINGE, 0, status=FAILED)
    sweep = SweepFolder(outputs / "sweeps" / "results-small", outputs)
    sweep.path.mkdir(parents=True)
    sweep.ledger.append("planned", job=0, run_id=run.run_id, arguments=HINGE)
    sweep.ledger.append("ended", job=0, code=1, state=FAILED, why="", progress=0)
    assert states(inventory, "small/hinge") == {"small/hinge-0": "failed"}
    retry(sweep)
    assert states(inventory, "small/hinge") == {"small/hinge-0": "unfinished"}


def test_a_row_is_measured_as_soon_as_its_run_has_ended_and_once(inventory, outputs):
    production = Production(inventory)
    measuring = _Measuring(production, chosen(inventory.tables, ["small"]))
    jobs = Jobs([{"event": "planned", "job": n, "run_id": f"{n}", "arguments": []} for n in range(2)])
    measuring.look(jobs)
    evaluated(trained(outputs, HINGE, 0), 0.5)
    measuring.look(jobs)
    assert production.written == []
    jobs.apply({"event": "ended", "job": 0, "state": DONE, "why": "", "progress": 1})
    measuring.look(jobs)
    measuring.look(jobs)
    assert production.written == [path_of(inventory.folder, "small", "hinge", 0)]


def test_what_cannot_be_measured_is_said_and_stops_nothing(inventory, outputs):
    run = trained(outputs, SMALL, 0)
    run.evaluations.mkdir()
    (run.evaluations / "generation.json").write_text("{")
    evaluated(trained(outputs, HINGE, 0), 0.5)
    production = Production(inventory)
    production.measure(chosen(inventory.tables, ["small"]), evaluate=False)
    assert production.written == [path_of(inventory.folder, "small", "hinge", 0)]
    assert [failure.partition(":")[0] for failure in production.failures] == ["small/base, seed 0, is not measured"]


def test_a_record_is_stale_once_its_configuration_or_evaluation_changes(inventory, outputs):
    evaluated(trained(outputs, HINGE, 0), 0.5)
    collect(inventory, "small/hinge")
    changed = again(inventory, rows={"hinge": ["objective=hinge", "generator_optimizer.lr=1e-3"]}, more_seeds={})
    (one,) = changed.standings(chosen(changed.tables, ["small/hinge"]))
    assert (one.state, one.why, one.run) == ("stale", "its configuration has changed", None)
    (one,) = again(inventory, evaluate=["--num", "40"]).standings(chosen(inventory.tables, ["small/hinge"]))
    assert one.state == "measured"  # asked of the old declaration
    changed = again(inventory, evaluate=["--num", "40"])
    (one,) = changed.standings(chosen(changed.tables, ["small/hinge"]))
    assert (one.state, one.why) == ("stale", "its evaluation has changed")


def test_a_record_is_stale_once_what_it_borrows_changes(inventory, outputs):
    lent = trained(outputs, SMALL, 0)
    borrowing = again(inventory, evaluate=["--num", "20", "--with", "{lenders/judge}"])
    evaluated(lent, 0.5)
    assert collect(borrowing, "small/base")
    assert states(borrowing, "small/base")["small/base-0"] == "measured"
    declare(borrowing.folder, {"lenders": {**DECLARED["lenders"], "rows": {"judge": [*SMALL, "objective=hinge"]}}})
    changed = Inventory(read_tables(borrowing.folder), borrowing.folder, outputs)
    standing = changed.standing(*chosen(changed.tables, ["small/base"])[0], 0)
    assert (standing.state, standing.why) == (
        "stale",
        "the configuration of lenders/judge, which it borrows, has changed",
    )


def test_a_row_waits_for_the_one_that_its_evaluation_asks(inventory, outputs):
    borrowing = again(
        inventory,
        evaluate=["--num", "20", "--with", "{lenders/judge}"],
        rows={"hinge": ["objective=hinge"]},
        more_seeds={},
    )
    evaluated(trained(outputs, HINGE, 0), 0.5)
    assert collect(borrowing, "small/hinge") == []
    assert [row.key for _, row in borrowing.with_lenders(chosen(borrowing.tables, ["small"]))] == [
        "lenders/judge",
        "small/hinge",
    ]


def test_rows_that_borrow_from_one_another_are_refused(inventory):
    circle = again(inventory, evaluate=["--with", "{small/base}"])
    with pytest.raises(UserError, match="borrows from itself"):
        circle.with_lenders(chosen(circle.tables, ["small/base"]))


def test_a_record_holds_figures_cost_and_code_and_is_small(inventory, outputs):
    evaluated(trained(outputs, HINGE, 0), 0.5)
    (path,) = collect(inventory, "small/hinge")
    record = read_record(path)
    assert record.figures["generation/recall"] == {
        "name": "recall", "value": 0.5, "low": 0.4, "high": 0.6, "over": "held-out contents", "n": 20,
        "reference": 0.9, "percent": True,
    }  # fmt: skip
    assert record.cost == {
        "core_seconds": 120.0, "train_core_seconds": 40.0, "images": 64, "threads": 1, "peak_memory_mib": 512.0,
        "starts": 1, "gpus": [],
    }  # fmt: skip
    assert record.code["commit"] == "c" * 40
    assert record.curve == {"figure": "val/truth", "points": [[32, 20.0, 0.5], [48, 30.0, 0.96], [64, 40.0, 0.99]]}
    assert record.protocols["generation"]["num"] == 20
    assert path.stat().st_size < 4096


def test_a_record_names_no_machine_person_or_folder(inventory, outputs):
    run = trained(outputs, HINGE, 0)
    evaluated(run, 0.5)
    (path,) = collect(inventory, "small/hinge")
    text = path.read_text(encoding="utf-8")
    for private in (str(outputs), "/somewhere", os.uname().nodename, run.run_id, "/home", f"/{getpass.getuser()}"):
        assert private not in text


def test_equal_runs_give_equal_bytes(inventory, outputs):
    evaluated(trained(outputs, HINGE, 0), 0.5)
    (path,) = collect(inventory, "small/hinge")
    before = path.read_bytes()
    path.unlink()
    inventory.refresh()
    collect(inventory, "small/hinge")
    assert path.read_bytes() == before


def test_a_damaged_or_misplaced_record_is_refused(inventory, outputs):
    evaluated(trained(outputs, HINGE, 0), 0.5)
    (path,) = collect(inventory, "small/hinge")
    path.rename(path.with_name("base-seed0.json"))
    with pytest.raises(UserError, match="says it is of small/hinge"):
        read_records(inventory.folder)
    path.with_name("base-seed0.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        read_records(inventory.folder)


@pytest.fixture
def launched(monkeypatch, outputs):
    """The names of the runs that each sweep would carry out, in order; each leaves a finished run."""
    calls = []

    def launch(request, folder, executor):
        calls.append((folder.name, [plan[-1].partition("results/")[2].rpartition("-")[0] for plan in request.plans]))
        for plan in request.plans:
            overrides = [word for word in plan if not word.startswith(("seed=", "trainer.", "tracking=", "name="))]
            evaluated(trained(outputs, overrides, int(plan[-4].removeprefix("seed="))), 0.5)

    monkeypatch.setattr("diptych.reports.tables.production.launch", launch)
    return calls


def test_what_a_row_borrows_is_trained_first_and_only_once(inventory, launched):
    borrowing = again(inventory, evaluate=["--num", "20", "--with", "{lenders/judge}"], more_seeds={"hinge": [0, 1]})
    production = Production(borrowing)
    production.produce(chosen(borrowing.tables, ["small/hinge"]))
    assert launched == [("results-lenders", ["lenders/judge"]), ("results-small", ["small/hinge", "small/hinge"])]
    assert production.failures == []
    assert states(borrowing, "small/hinge") == {"small/hinge-0": "measured", "small/hinge-1": "measured"}
    Production(borrowing).produce(chosen(borrowing.tables, ["small/hinge"]))
    assert len(launched) == 2


def test_why_a_run_left_no_folder_is_said(inventory, monkeypatch):
    def refused(request, folder, executor):
        folder.path.mkdir(parents=True)
        folder.ledger.append("planned", job=0, run_id="none", arguments=request.plans[0])
        folder.ledger.append("ended", job=0, code=2, state=FAILED, why="objective=hinge is no good", progress=0)

    monkeypatch.setattr("diptych.reports.tables.production.launch", refused)
    production = Production(inventory)
    production.produce(chosen(inventory.tables, ["small/hinge"]))
    assert [failure.partition(";")[0] for failure in production.failures] == [
        "small/hinge, seed 0, is not trained: objective=hinge is no good"
    ]


def test_a_measured_row_borrows_nothing_any_more(inventory, launched, outputs):
    Production(inventory).produce(chosen(inventory.tables, ["small/hinge"]))
    launched.clear()
    for run in outputs.glob("*/*"):
        shutil.rmtree(run)  # a clone has records, and no runs
    inventory.refresh()
    Production(inventory).produce(chosen(inventory.tables, ["small/hinge"]))
    assert launched == []
    assert states(inventory, "small/hinge") == {"small/hinge-0": "measured"}


def test_only_rows_whose_data_lie_somewhere_are_told_where(tmp_path, outputs):
    rows = {"digits": ["model=mlp_gan", "data=digits"], "mnist": ["model=mlp_gan", "data=mnist"]}
    table = {"title": "Both", "question": "Where?", "rows": rows, "where": ["data.root"]}
    folder = declare(tmp_path / "tables", {"both": table})
    inventory = Inventory(read_tables(folder), folder, outputs, ["data.root=here"])
    assert [inventory.located_for(f"both/{name}") for name in rows] == [[], ["data.root=here"]]
