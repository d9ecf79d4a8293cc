"""The table of judge and recogniser in docs/judge.md."""

import pytest

from diptych.config import UserError
from diptych.evaluation.classification.agreement import KAPPA, KIND
from diptych.evaluation.results import Evaluation, Figure, save
from diptych.runs.folder.layout import RunFolder
from docs_pages.agreement import second_reader_table

PROTOCOL = {
    "num": 1000,
    "split": "test",
    "seed": 0,
    "judge": {"version": 3},
    "commit": "0123456789abcdef",
    "with": {"run": "a-recogniser"},
    "images_seen": 76000,
}


def test_every_figure_stands_in_its_column(tmp_path):
    run = RunFolder(tmp_path / "demo_painter" / "one")
    cells = "shows what was asked, by both 1,990, by the judge alone 8, by the recogniser alone 1, by neither 1"
    figures = [
        Figure("read alike", 0.991, 1000, (0.973, 0.997)),
        Figure("read alike, judge accepts", 0.5, 4, hits="1-01-0"),
        Figure("same verdict", 0.5, 1000, (0.25, 0.75)),
        Figure(KAPPA, 0.183, 1000, note=cells, percent=False),
    ]
    save(Evaluation(KIND, "", PROTOCOL, figures), run.evaluations, "best")
    conditions, _, header, _, row = second_reader_table([run]).splitlines()
    assert "1,000 test sentences each, seed 0, judge 3, commit 0123456789, recogniser a-recogniser" in conditions
    assert header.count("|") == row.count("|")
    painter, *cells = row.strip("| ").split(" | ")
    assert painter == "`demo_painter`, 76,000 images"
    assert cells == ["99.1 % (97.3 to 99.7)", "2 of 4", "1,990, 8, 1, 1", "50.0 % (25.0 to 75.0)", "0.18"]


def test_a_painter_that_nobody_read_is_named(tmp_path):
    with pytest.raises(UserError, match="diptych evaluate one --with RECOGNIZER"):
        second_reader_table([RunFolder(tmp_path / "demo_painter" / "one")])
