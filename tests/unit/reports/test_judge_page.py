from pathlib import Path

import pytest

from diptych.reports.page.markdown import markdown_table
from diptych.world.judging.limits import calibration
from docs_pages.judge import NAME, PAGE, calibration_tables
from docs_pages.pages import replaced

ROOT = Path(__file__).parents[3]


def test_the_page_shows_the_shipped_calibration():
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert replaced(page, NAME, calibration_tables(calibration())) == page


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="no place"):
        replaced("no marks", NAME, "block")


def test_a_table_has_a_rule_below_its_header_and_a_line_a_row():
    assert markdown_table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
