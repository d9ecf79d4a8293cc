"""The table of judge and classifier in docs/judge.md."""

import pytest

from diptych.config import UserError
from diptych.evaluation.classification.agreement import KAPPA, Agreement
from diptych.evaluation.results import Evaluation, Figure, save
from diptych.runs.folder.layout import RunFolder
from docs_pages.agreement import agreement_table

PROTOCOL = {
    "num": 1000,
    "split": "test",
    "seed": 0,
    "judge": {"version": 3},
    "commit": "0123456789abcdef",
    "with": {"run": "a-classifier"},
    "images_seen": 76000,
}


def test_every_figure_stands_in_its_column(tmp_path):
    run = RunFolder(tmp_path / "demo_text_to_image" / "one")
    cells = "shows what was asked, by both 1,990, by the judge alone 8, by the classifier alone 1, by neither 1"
    figures = [
        Figure("read_alike", 0.991, 1000, (0.973, 0.997)),
        Figure("read_alike_accepted", 0.5, 4, hits="1-01-0"),
        Figure("same_verdict", 0.5, 1000, (0.25, 0.75)),
        Figure(KAPPA, 0.183, 1000, finding=cells, percent=False),
    ]
    save(Evaluation(Agreement.kind, "", PROTOCOL, figures), run.evaluations, "best")
    conditions, _, header, _, row = agreement_table([run]).splitlines()
    assert "1,000 test sentences each, seed 0, judge 3, commit 0123456789, classifier a-classifier" in conditions
    assert header.count("|") == row.count("|")
    generator, *cells = row.strip("| ").split(" | ")
    assert generator == "`demo_text_to_image`, 76,000 images"
    assert cells == ["99.1 % (97.3 to 99.7)", "2 of 4", "1,990, 8, 1, 1", "50.0 % (25.0 to 75.0)", "0.18"]


def test_a_generator_that_nobody_read_is_named(tmp_path):
    with pytest.raises(UserError, match="diptych evaluate one --with CLASSIFIER"):
        agreement_table([RunFolder(tmp_path / "demo_text_to_image" / "one")])
