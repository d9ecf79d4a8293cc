"""docs/coverage.md is the page that benchmarks/interval_coverage.py writes, and says what the intervals do today."""

import re
from collections.abc import Sequence
from math import sqrt

import pytest

import interval_coverage as study

SIMULATIONS = 1_200
SURE = 4.0
"""So many standard errors may a cell be off."""
WIDTHS_AGREE = 0.15


def rows(page: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]


@pytest.fixture(scope="module")
def page(repository) -> str:
    return (repository / "docs" / "coverage.md").read_text(encoding="utf-8")


def number_simulated(page: str) -> int:
    return int(re.search(r"of ([\d,]+) simulated", page)[1].replace(",", ""))


def cells(row: Sequence[str]) -> list[tuple[float, float]]:
    """Coverage as a share and width in points, of those cells that have both."""
    found = [re.fullmatch(r"\**([\d.]+)\** \(([\d.]+)\)", cell) for cell in row]
    return [(float(match[1]) / 100, float(match[2])) for match in found if match]


def check(written: Sequence[str], anew: Sequence[str], of: int, simulations: int) -> None:
    """Both are drawn: the standard error is that of the difference of two shares."""
    assert len(cells(written)) == len(cells(anew)) > 0
    for (held, width), (held_anew, width_anew) in zip(cells(written), cells(anew), strict=True):
        spread = max(held * (1 - held), 1 / simulations)
        error = sqrt(spread * (1 / of + 1 / simulations))
        assert held_anew == pytest.approx(held, abs=SURE * error + 0.0005)
        assert width_anew == pytest.approx(width, rel=WIDTHS_AGREE, abs=0.4)


def test_the_page_has_every_experiment_that_the_command_simulates(page, capsys):
    study.main(["--simulations", "2"])
    anew = capsys.readouterr().out
    assert [row[:2] for row in rows(anew)] == [row[:2] for row in rows(page)]
    assert [row for row in rows(anew) if "Student t" in row] == [row for row in rows(page) if "Student t" in row]


def test_the_page_has_the_words_of_the_command(page):
    """All but the tables, and the numbers that depend on how many experiments there were."""
    said, meant = (re.sub(r"[\d.,]+|\s+", " ", text) for text in (page, study.PAGE))
    pieces = [piece.strip() for piece in re.split(r"\{[^}]*\}", meant)]
    assert [piece for piece in pieces if piece not in said] == []


def test_the_page_is_of_as_many_experiments_as_it_should_be(page):
    assert number_simulated(page) >= 20_000


def test_the_house_s_interval_of_rates_covers_in_every_design(page):
    start = next(i for i, row in enumerate(rows(page)) if "diptych" in row)
    place = rows(page)[start].index("diptych")
    covered = [float(row[place].split()[0]) for row in rows(page)[start + 2 : start + 38]]
    assert min(covered) >= 94.5


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("seeds", (0, 3)),
        ("seeds", (1, 5)),
        ("seeds", (2, 3)),
        ("prompts", (1,)),
        ("prompts", (5,)),
        ("prompts", (14,)),
        ("prompts", (34,)),
        ("crossings", (0, 3)),
        ("crossings", (1, 5)),
        ("skills", (0, 3)),
        ("skills", (1, 5)),
    ],
)
def test_a_cell_simulated_anew_is_the_page_s(page, table, row):
    simulations = SIMULATIONS // 2 if table in ("crossings", "skills") else SIMULATIONS
    of = number_simulated(page) // (study.FEWER if table == "skills" else 1)
    anew = getattr(study, f"{table}_row")(*row, simulations, seed=1)
    named = 3 if table == "prompts" else 2
    (written,) = (line for line in rows(page) if line[:named] == list(anew[:named]))
    check(written, anew, of, simulations)


def test_a_narrower_interval_would_be_noticed(page):
    """The percentile bootstrap in place of Student's t."""
    (written,) = (line for line in rows(page) if line[:2] == ["Gaussian: 80 % ± 2 points", "5"])
    with pytest.raises(AssertionError):
        check(["x", "5", written[2]], ["x", "5", written[6]], number_simulated(page), SIMULATIONS)


@pytest.mark.parametrize(
    ("named", "columns"),
    [
        ("| accuracy of a run | seeds | Student t |", {2: 2, 3: 3, 4: 6, 5: 5}),
        ("| of the scatter over seeds,", {2: 2, 3: 3, 4: 4}),
    ],
)
def test_what_other_pages_quote_is_what_the_page_says(page, repository, named, columns):
    """Rows for 3, 5 and 10 runs at once; `columns` are the places of the same method there and here."""
    text = (repository / "docs" / "statistics.md").read_text(encoding="utf-8")
    quoted = rows(text[text.index(named) :].split("\n\n")[0])[2:]
    assert len(quoted) == 3
    for row in quoted:
        own = [line for line in rows(page) if line[0].startswith(row[0]) and line[1] in row[1].split(", ")]
        for there, here in columns.items():
            held = [100 * cells([line[here]])[0][0] for line in own]
            assert [float(number) for number in row[there].split(", ")] == pytest.approx(held, abs=0.51)
