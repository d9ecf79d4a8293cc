"""All tables fit the terminal, however long the names are and however narrow it is."""

import json
import re
from pathlib import Path

import pytest
from fake_sweeps import fake_sweep, varied
from hypothesis import given
from hypothesis import strategies as st

from diptych.cli import doctor, runs, score
from diptych.cli.doctor import Finding
from diptych.cli.main import main
from diptych.cli.output import Output
from diptych.cli.terminal.layout import one_line, table_lines, wrapped
from diptych.evaluation.scoring import Scored
from diptych.metrics.captions import DocumentFrequency
from diptych.reports.page.columns import cut_in_the_middle, text_width
from diptych.runs.folder.layout import RunFolder

SWEEP = "a_sweep_with_a_name_as_long_as_people_give_them_before_a_deadline"
LONG = "a_figure_of_a_network_with_a_long_name_by_colour_and_by_size_and_by_place"
WIDTHS = st.integers(80, 160)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=90)
SENTENCES = st.lists(WORDS.map(lambda word: word[:30]), min_size=1, max_size=30).map(" ".join)


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1), st.integers(30, 120))
def test_a_table_fits_and_keeps_the_columns_that_may_not_shrink(rows, width):
    rows = [(first[:5], *others) for first, *others in rows]
    lines = table_lines(rows, width, may_shrink=(1, 2))
    assert max(map(text_width, lines)) <= width
    assert all(line.startswith(row[0]) for line, row in zip(lines, rows, strict=True))


@given(WORDS, st.integers(3, 40))
def test_a_text_without_its_middle_keeps_both_ends(text, width):
    cut = cut_in_the_middle(text, width)
    assert text_width(cut) <= width
    if cut != text:
        first, _, last = cut.rpartition("…") if cut.count("…") == 1 else (cut[:1], "", "")
        assert text.startswith(first)
        assert text.endswith(last)


@given(SENTENCES, st.integers(40, 120))
def test_wrapped_text_is_the_same_text_and_fits(text, width):
    lines = wrapped(text, width, first="  - ", then="    ")
    assert "".join(lines).replace(" ", "")[1:] == text.replace(" ", "")
    assert all(text_width(line) <= width or len(line.split()) <= 2 for line in lines)


@given(SENTENCES, st.integers(10, 120))
def test_one_line_fits_and_says_that_words_are_missing(text, width):
    line = one_line(text, width)
    assert text_width(line) <= width
    assert line == " ".join(text.split()) or line.endswith("…")


class Heard(Output):
    """Keeps what a command says."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def line(self, text: str = "") -> None:
        self.lines += text.split("\n")


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.just("20261129-233707-1fea40"),
            "experiment": WORDS,
            "status": st.sampled_from(["done", "running", "diverged", "preempted"]),
            "collapsed": st.sampled_from([None, "", "collapsed: why"]),
            "monitor": WORDS.map(lambda word: f"val/{word}"),
            "best": st.none() | st.floats(-1e9, 1e9),
            "started": st.just("2026-01-01T00:00:00+00:00"),
            "overrides": st.lists(WORDS.map(lambda word: f"key={word}"), max_size=9),
        }
    ),
    min_size=1,
    max_size=5,
)


@given(ROWS, WIDTHS)
def test_the_list_of_runs_fits(rows, width):
    heard = Heard()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        runs._list(rows, heard, Path("outputs"))
    assert max(map(text_width, heard.lines)) <= width
    listed = [line for line in heard.lines if line.startswith("20261129-233707-1fea40")]
    assert len(listed) == len(rows)
    assert all(row["best"] is None or f"{row['best']:.4g}" in line for row, line in zip(rows, listed, strict=True))


@given(SENTENCES, SENTENCES, WIDTHS)
def test_what_the_doctor_finds_fits(value, fix, width):
    lines = doctor._lines(Finding("package pytorch-lightning", "optional", value, fix), width)
    assert all(text_width(line) <= width or len(line[37:].split()) <= 2 for line in lines)


@given(SENTENCES, SENTENCES, WIDTHS)
def test_the_scores_fit(name, reason, width):
    facts = {"pictures": 123456, "captions": 1234567, "language": "en, zh", "tokenizer": "ptb"}
    facts |= {"document_frequency": f"{name} (123,456 pictures)"}
    scored = Scored(facts, DocumentFrequency.of("references", []))
    for key in score.LABELS:
        scored.set(key, None, reason)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        lines = score.table(scored).splitlines()
    assert all(text_width(line) <= width or len(line.split()) <= 3 for line in lines)


@pytest.mark.parametrize("width", [80, 100])
def test_commands_about_runs_and_sweeps_fit(width, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.chdir(tmp_path)
    fake_sweep(tmp_path / "outputs", SWEEP, varied(tmp_path))
    run = RunFolder.create(tmp_path / "outputs", "an_experiment_with_a_name_as_long_as_a_whole_line_of_text", "long")
    run.write_config({"monitor": f"val/{LONG}", "budget_images": 5, "parts": {}})
    run.write_status("failed", "RuntimeError: " + "the data have run out " * 8, images_seen=3, best=0.123456789)
    run.metrics.write_text(f"images,val/{LONG}\n1,0.5\n")
    for words in (["runs"], ["runs", "show", "long"], ["sweep", "status", SWEEP]):
        assert main(words) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line for line in lines if text_width(line) > width and len(line.split()) > 2] == []


@pytest.mark.parametrize("width", [72, 80])
def test_a_check_of_data_fits_where_names_can_be_broken(width, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    name = "a picture with a long name and with spaces in it" + " and so on" * 6
    rows = [{"file_name": f"{name} {i}.png", "text": "x"} for i in range(3)]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.chdir(tmp_path)
    assert main(["data", "check", "."]) == 1
    out = capsys.readouterr().out
    assert re.search("files named in the captions but missing: 3", out)
    assert max(map(text_width, out.splitlines())) <= width
    monkeypatch.delenv("COLUMNS")
    assert main(["data", "check", "."]) == 1
    assert f"  {name} 2.png\n" in capsys.readouterr().out  # whole lines for other programs
