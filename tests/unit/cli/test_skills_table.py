"""The skills and robustness tables on a terminal of 80 columns."""

from dataclasses import replace

from diptych.cli.skills_table import skills_table
from diptych.cli.tables import evaluation_table
from diptych.evaluation.results import Evaluation, Figure
from diptych.evaluation.skills.figures import NAMES
from diptych.reports.page.sections import evaluation_section

PROTOCOL = {"data": "scenes64", "split": "test", "num_prompts": 250, "images_per_prompt": 4, "num": 9000}


def skills() -> Evaluation:
    rows = [name + part for part in ("", ", unseen") for name in NAMES.values()]
    rates = [
        Figure(f"{name}{score}", 1.0, 1000, (0.996, 1.0), 0.25, 1.0)
        for score in ("", ", strict")
        for name in ("GenEval score", *rows)
    ]
    parts = [Figure(f"{name}, {what}", 0.975, 1000) for name in rows for what in ("atoms", "product of atoms")]
    further = [
        Figure("variety of relation", None, note="too few true pictures of any one content: ask for more of them"),
        Figure("legible", 0.5, 9000, (0.49, 0.51), ceiling=1.0),
    ]
    contents = ", ".join(f"{name} 3,360" for name in rows)
    return Evaluation("skills", "Skills", PROTOCOL, [*rates, *parts, *further], notes=(f"Contents: {contents}.",))


def test_every_skill_has_one_line_with_both_scores():
    lines = skills_table(skills()).splitlines()
    assert max(map(len, lines)) <= 80
    for name in ("GenEval score", *NAMES.values()):
        (line,) = (line for line in lines if line.startswith(f"{name}  "))
        assert line.split("%")[0].endswith("100.0 ")
    (line,) = (line for line in lines if line.startswith("colours, unseen"))
    assert " ".join(line.split()) == "colours, unseen 100.0 % 99.6 to 100.0 25.0 % 100.0 % 100.0 % 97.5 %"
    assert "250 prompts of each skill, 4 pictures of each prompt" in lines
    assert any(line.startswith("Contents: single object 3,360, two objects") for line in lines)
    assert any(line.startswith("variety of relation: too few") for line in lines)


def test_the_skills_table_says_what_its_intervals_range_over():
    seen = Figure.rate(
        "colours", [True] * 30, [str(i % 9) for i in range(30)], interval_over="prompts of these contents"
    )
    few = replace(seen, name="size", contents=4)
    unseen = replace(seen, name="colours, unseen", interval_over="contents never seen", contents=1234)
    figures = [figure for one in (seen, few, unseen) for figure in (one, replace(one, name=f"{one.name}, strict"))]
    lines = skills_table(replace(skills(), figures=figures)).splitlines()
    said = "prompts of these contents (4 to 9), Wilson of clusters; contents never seen (1,234), Wilson of clusters"
    assert max(map(len, lines)) <= 80
    assert " ".join("\n".join(lines).split()).endswith(f"Intervals: {said}")


def test_a_terminal_table_says_what_its_intervals_range_over():
    rates = [
        Figure.rate(f"rate {i}", [j > 20 * i for j in range(60)], [str(j // 2) for j in range(60)]) for i in (0, 1)
    ]
    figures = [*rates, Figure.rate("alone", [True, False]), Figure.rate("of nothing", [None], ["a"])]
    lines = evaluation_table(Evaluation("generator", "Generation", PROTOCOL, figures)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-2:] == [
        "Intervals: held-out contents (30), Wilson of clusters, cluster bootstrap;",
        "  held-out examples, Wilson",
    ]


def test_a_robustness_table_says_how_far_it_moved():
    note = "-72.5 points (-83.8 to -54.3), p = 3.7e-09; legible 65.0 %, before 100.0 %"
    figure = Figure("typo: true", 0.25, 40, (0.1, 0.4), ceiling=0.975, note=note)
    lines = evaluation_table(Evaluation("generation_robustness", "Robustness", PROTOCOL, [figure])).splitlines()
    assert max(map(len, lines)) <= 80
    assert "-72.5 points" in lines[3]


def test_the_report_has_a_section_for_each_kind():
    for kind in ("skills", "skills_full", "generation_robustness", "captioning_robustness"):
        section = evaluation_section(Evaluation(kind, "What it can do", PROTOCOL, [Figure("legible", 0.5, 10)]))
        assert "What it can do" in section
        assert "legible" in section
