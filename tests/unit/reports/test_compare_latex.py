"""The LaTeX of a comparison: the cells of its Markdown table, escaped, between the rules of booktabs."""

import json
import re

import pytest

from diptych.cli.main import main
from diptych.evaluation.results import Evaluation, Figure, save
from diptych.reports.comparison.comparison import compare
from diptych.reports.comparison.latex import COLUMNS, comparison_latex, escaped
from diptych.reports.comparison.table import HEADER, rows_of
from diptych.reports.comparison.text import comparison_markdown
from diptych.runs.folder.layout import RunFolder

RIGHT = {"a_b&c": (90, 80, 85), "50%": (20, 30, 10)}
LINE = re.compile(r"^    (.*) \\\\$", re.MULTILINE)


@pytest.fixture
def runs(tmp_path) -> list[RunFolder]:
    runs = []
    for method, hits in RIGHT.items():
        for seed, right in enumerate(hits):
            run = RunFolder.create(tmp_path, "exp", f"{'xy'[len(runs) // 3]}{seed}")
            run.write_config({"seed": seed, "method": method, "parts": {}})
            figures = [
                Figure.rate("exact_match", [i < right for i in range(100)], [f"c{i}" for i in range(100)]),
                Figure("cost_#1", right * 1e-7, 100, percent=False),
            ]
            facts = {"data": "digits", "split": "test", "num": 100, "seed": 0}
            save(Evaluation("captioning", "Captioning", facts, figures), run.evaluations, "best")
            runs.append(run)
    return runs


@pytest.fixture
def comparison(runs):
    from diptych.reports.comparison.groups import grouped
    from diptych.reports.comparison.results import measured_alike

    groups = grouped(runs)
    return compare(groups, measured_alike(runs)[0])


def cells(latex: str) -> list[list[str]]:
    return [line.split(" & ") for line in LINE.findall(latex)]


def test_every_line_has_a_cell_for_each_column(comparison):
    latex = comparison_latex(comparison)
    header, *rows = cells(latex)
    assert [len(row) for row in (header, *rows)] == [len(COLUMNS)] * (1 + len(rows_of(comparison)))
    assert rf"\begin{{tabular}}{{{''.join(COLUMNS.values())}}}" in latex
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert latex.count(rule) == 1
    assert latex.count(r"\addlinespace") == len(comparison.rows) - 1
    assert latex.count("{") == latex.count("}")


def test_the_cells_are_those_of_the_markdown_table(comparison):
    markdown = [line.strip("| ").split(" | ") for line in comparison_markdown(comparison).splitlines() if "|" in line]
    shown = [[row[HEADER.index(name)] for name in COLUMNS] for row in markdown[2:]]
    plain = {r"\,\%": " %", r"\_": "_", r"\&": "&", r"\%": "%", r"\#": "#", "--": "-"}

    def read(cell: str) -> str:
        cell = re.sub(r"\$([+-]?[\d.]+) \\times 10\^\{(-?)(\d+)\}\$", r"\1e\2\g<3>", cell).replace("$", "")
        for latex, text in plain.items():
            cell = cell.replace(latex, text)
        return re.sub(r"e-(\d)\b", r"e-0\1", cell)

    rows = [[read(cell) for cell in row] for row in cells(comparison_latex(comparison))[1:]]
    assert [row[1:] for row in rows] == [row[1:] for row in shown]
    assert [row[0] for row in rows] == ["exact match", "", "cost #1", ""]


def test_numbers_are_set_as_mathematics_where_they_need_it(comparison):
    latex = comparison_latex(comparison)
    assert r"$8.5 \times 10^{-6}$" in latex
    assert r"85.0\,\%" in latex
    assert "$-65.0$" in latex


@pytest.mark.parametrize("character", '&%$#_{}~^\\<>|"')
def test_no_special_character_stays(character):
    bare = re.compile(r"(?<!\\)" + re.escape(character))
    text = re.sub(r"\\[a-z]+\{\}|\\[&%$#_{}]", "", escaped(f"a{character}b"))
    assert not bare.search(text)


def test_it_goes_to_a_file_or_to_standard_output_alone(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    names = [str(run.path) for run in runs]
    assert main(["compare", *names, "--latex", str(tmp_path / "table.tex")]) == 0
    said = capsys.readouterr().out
    assert "exact match" in said
    assert "LaTeX written to" in said
    assert main(["compare", *names, "--latex", "-"]) == 0
    printed = capsys.readouterr()
    assert printed.out == (tmp_path / "table.tex").read_text(encoding="utf-8")
    assert printed.out.startswith("% needs")
    assert "exact match" in printed.err
    assert main(["compare", *names, "--json", "--latex", str(tmp_path / "other.tex")]) == 0
    assert json.loads(capsys.readouterr().out)["comparisons"]


def test_what_cannot_be_written_is_said_before_any_work(runs, tmp_path, capsys):
    names = [str(run.path) for run in runs]
    assert main(["compare", *names, "--latex", "-", "--json"]) == 2
    assert "both want standard output" in capsys.readouterr().err
    assert main(["compare", *names, "--latex", str(tmp_path / "nowhere" / "t.tex")]) == 2
    assert "--latex" in capsys.readouterr().err
