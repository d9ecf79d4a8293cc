"""docs/coverage.md is the page that benchmarks/interval_coverage.py writes."""

import re
import runpy
import sys

import pytest


def rows(page: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]


@pytest.fixture
def page(repository) -> str:
    return (repository / "docs" / "coverage.md").read_text(encoding="utf-8")


def test_the_page_has_every_experiment_that_the_command_simulates(page, repository, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["interval_coverage.py", "--simulations", "2"])
    runpy.run_path(str(repository / "benchmarks" / "interval_coverage.py"), run_name="__main__")
    anew = capsys.readouterr().out
    assert [row[:2] for row in rows(anew)] == [row[:2] for row in rows(page)]
    assert [row for row in rows(anew) if "Student t" in row] == [row for row in rows(page) if "Student t" in row]


def test_the_page_is_of_as_many_experiments_as_it_should_be(page):
    assert int(re.search(r"of ([\d,]+) simulated", page)[1].replace(",", "")) >= 20_000


def test_the_house_s_interval_of_rates_covers_in_every_design(page):
    start = next(i for i, row in enumerate(rows(page)) if "diptych" in row)
    place = rows(page)[start].index("diptych")
    covered = [float(row[place].split()[0]) for row in rows(page)[start + 2 : start + 38]]
    assert min(covered) >= 94.5
