"""docs/results.md: from records alone, nothing invented."""

from dataclasses import replace
from pathlib import Path

import pytest
from result_tables import SMALL, evaluated, trained

from diptych.config import UserError
from diptych.config.composition import options
from diptych.reports.tables.declaration import chosen, read_tables
from diptych.reports.tables.files import write_page
from diptych.reports.tables.measured import by_method
from diptych.reports.tables.page import cited, results_page
from diptych.reports.tables.plot import spread
from diptych.reports.tables.production import Production
from diptych.reports.tables.records import read_records


@pytest.fixture
def records(inventory, outputs):
    """Two seeds of the base and one of hinge."""
    for overrides, seed, recall in ((SMALL, 0, 0.5), (SMALL, 1, 0.7), ([*SMALL, "objective=hinge"], 0, 0.3)):
        evaluated(trained(outputs, overrides, seed, minutes=2 + seed), recall)
    Production(inventory).measure(chosen(inventory.tables, ["small"]), evaluate=False)
    return read_records(inventory.folder)


def rows_of(page: str, name: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith(f"| `{name}` |")]


def test_a_row_has_size_images_cost_pace_memory_and_figures(inventory, records):
    row, _ = rows_of(results_page(inventory.tables, records), "hinge")
    assert row[1:8] == ["0", "1.50 M (generator 1.00 M)", "64", "2.0", "1", "1.6", "0.50 GiB"]
    assert row[8:] == ["30.0 % (20.0 to 40.0); real 90.0 %", "3.3; real 0.25"]


def test_several_seeds_are_a_mean_with_an_interval_over_seeds(inventory, records):
    row, _ = rows_of(results_page(inventory.tables, records), "base")
    assert (row[1], row[4]) == ("0, 1", "2.5")
    assert row[8] == "60.0 % (0.0 to 100.0); real 90.0 %"  # Student's t of two: 0.6 ± 12.7 · 0.1, cut off


def test_a_row_without_a_record_is_absent(inventory, records):
    page = results_page(inventory.tables, [record for record in records if record.row != "hinge"])
    assert rows_of(page, "hinge") == []
    assert "Lenders" not in page  # a table without rows
    assert "## Small" not in results_page(inventory.tables, [])


def test_rows_of_an_older_configuration_are_not_averaged_with_newer_ones(records):
    older = [replace(record, configuration="0" * 10) if record.seed else record for record in records]
    assert [len(method.records) for method in by_method([r for r in older if r.row == "base"])] == [1, 1]


def test_object_aware_rows_stand_in_a_block_of_their_own(inventory, records):
    told = [replace(record, object_aware=["generator"]) if record.row == "hinge" else record for record in records]
    page = results_page(inventory.tables, told)
    free, aware = page.partition("**Object-aware**")[::2]
    assert rows_of(free, "base")
    assert not rows_of(free, "hinge")
    assert rows_of(aware, "hinge")


def test_measured_otherwise_is_said(inventory, records):
    other = {"generation": {**records[0].protocols["generation"], "protocol": "another"}}
    mixed = [replace(record, protocols=other) if record.row == "hinge" else record for record in records]
    assert "not to be compared: hinge" in results_page(inventory.tables, mixed)


def test_the_board_says_when_a_validation_first_reached_95_percent(inventory, records):
    page = results_page(inventory.tables, records)
    assert "| `small/hinge` | `val/truth` ≥ 95.0 % | 30 | no |" in page
    never = [replace(r, curve={"figure": "val/truth", "points": [[32, 20.0, 0.5]]}) for r in records]
    assert "not reached; best 50.0 %" in results_page(inventory.tables, never)


def test_the_board_is_named_by_its_goal(inventory, records):
    assert "## Core-seconds to 95 %" in results_page(inventory.tables, records)
    easier = [replace(table, reach=0.5) for table in inventory.tables]
    assert "## Core-seconds to 50 %" in results_page(easier, records)


def test_why_a_row_fails_cites_a_measurement(inventory, records):
    (hinge,) = by_method([record for record in records if record.row == "hinge"])
    assert cited("recall is {generation/recall}", hinge) == "recall is 30.0 % (20.0 to 40.0); real 90.0 %".replace(
        " %", "\u00a0%"
    )
    with pytest.raises(UserError, match="cite a measurement"):
        cited("it is bad", hinge)
    with pytest.raises(UserError, match="was not measured"):
        cited("it is {generation/nothing}", hinge)


def test_names_in_a_plot_do_not_overlap_and_keep_their_order():
    assert spread([0.5, 0.5, 0.1], 0.2) == pytest.approx([0.5, 0.7, 0.1])
    assert spread([1.0, 0.99, 0.98], 0.2) == pytest.approx([1.0, 0.8, 0.6])
    assert spread([], 0.2) == []


def test_the_same_records_give_the_same_files(inventory, records, tmp_path):
    first, second = (write_page(inventory.tables, inventory.folder, tmp_path / "docs" / "r.md") for _ in range(2))
    contents = [path.read_bytes() for path in first]
    write_page(inventory.tables, inventory.folder, tmp_path / "docs" / "r.md")
    assert [path.name for path in first] == ["r.md", "results_small.png", "results_board_val_truth.png"]
    assert [path.read_bytes() for path in second] == contents


@pytest.fixture(scope="module")
def docs(repository) -> Path:
    return repository / "docs"


def test_the_page_is_what_the_committed_records_give(docs):
    page = results_page(read_tables(docs / "results"), read_records(docs / "results"))
    assert (docs / "results.md").read_text(encoding="utf-8") == page, "diptych results --write docs/results.md"


def test_committed_records_are_small_and_plots_light(docs):
    assert all(path.stat().st_size < 8192 for path in (docs / "results").glob("*/*.json"))
    assert all(path.stat().st_size < 100_000 for path in (docs / "images").glob("results_*.png"))


def test_every_folder_of_result_experiments_is_a_table(docs):
    declared = {path.parent.name for path in (docs / "results").glob("*/table.yaml")}
    assert {name.split("/")[0] for name in options("experiment/results")} <= declared
