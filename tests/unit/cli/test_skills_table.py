"""The skills and robustness tables on a terminal of 80 columns."""

from dataclasses import replace

from diptych.cli.terminal.skills_table import skills_table
from diptych.cli.terminal.tables import evaluation_table
from diptych.evaluation.results import Evaluation, Figure
from diptych.evaluation.robustness.paired_differences import UNDISTURBED
from diptych.evaluation.robustness.paired_differences import line_of as line_of_condition
from diptych.evaluation.skills.figures import NAMES, SCORES, SUFFIX, line_of
from diptych.evaluation.skills.names import OVERALL
from diptych.world.prompts import PARTS, SEEN

WHOLE = (OVERALL, SEEN, "GenEval score")
PROTOCOL = {"data": "scenes64", "split": "test", "num_prompts": 250, "images_per_prompt": 4, "num": 9000}


def skills() -> Evaluation:
    rows = [(skill, part, f"{name}{SUFFIX[part]}") for part in PARTS for skill, name in NAMES.items()]
    rates = [
        Figure(value=1.0, n=1000, interval=(0.996, 1.0), chance=0.25, reference=1.0, **line_of(*of, label))
        for score, said in SCORES.items()
        for *of, label in ((skill, score, part, name + said) for skill, part, name in (WHOLE, *rows))
    ]
    parts = [
        Figure(value=0.975, n=1000, **line_of(skill, score, part, f"{name}, {score}"))
        for skill, part, name in rows
        for score in ("atoms", "product")
    ]
    further = [
        Figure(
            "variety_relation",
            None,
            name="variety of relation",
            note="too few true pictures of any one content: ask for more of them",
        ),
        Figure("legible", 0.5, 9000, (0.49, 0.51), reference=1.0),
    ]
    contents = ", ".join(f"{name} 3,360" for _, _, name in rows)
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
    line = line_of("colors", "geneval", SEEN, "colours")
    hits, prompts = [True] * 30, [str(i % 9) for i in range(30)]
    seen = Figure.rate(hits=hits, clusters=prompts, interval_over="prompts of these contents", **line)
    few = replace(seen, group="size", name="size", contents=4)
    unseen = replace(seen, name="colours, unseen", split="unseen", interval_over="contents never seen", contents=1234)
    figures = [figure for one in (seen, few, unseen) for figure in (one, replace(one, score="strict"))]
    lines = skills_table(replace(skills(), figures=figures)).splitlines()
    said = "prompts of these contents (4 to 9), Wilson of clusters; contents never seen (1,234), Wilson of clusters"
    assert max(map(len, lines)) <= 80
    assert " ".join("\n".join(lines).split()).endswith(f"Intervals: {said}")


def test_a_terminal_table_says_what_its_intervals_range_over():
    rates = [
        Figure.rate(f"rate_{i}", [j > 20 * i for j in range(60)], [str(j // 2) for j in range(60)]) for i in (0, 1)
    ]
    figures = [*rates, Figure.rate("alone", [True, False]), Figure.rate("of_nothing", [None], ["a"])]
    lines = evaluation_table(Evaluation("generation", "Generation", PROTOCOL, figures)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-2:] == [
        "Intervals: held-out contents (30), Wilson of clusters, cluster bootstrap;",
        "  held-out examples, Wilson",
    ]


def test_a_robustness_table_says_how_far_it_moved():
    note = "-72.5 points (-83.8 to -54.3), p = 3.7e-09; legible 65.0 %, before 100.0 %"
    line = line_of_condition(UNDISTURBED, "scene_accuracy")
    figure = Figure(value=0.25, n=40, interval=(0.1, 0.4), reference=0.975, finding=note, **line)
    lines = evaluation_table(Evaluation("generation_robustness", "Robustness", PROTOCOL, [figure])).splitlines()
    assert max(map(len, lines)) <= 80
    assert "-72.5 points" in lines[3]


def test_a_long_label_goes_on_below_and_the_numbers_stay_in_their_columns():
    figure = Figure("cycle_accuracy", 0.5, 1000, (0.4, 0.6), 0.1, 1.0, name="cycle accuracy (text → image → text)")
    lines = evaluation_table(Evaluation("cycle", "Cycle", PROTOCOL, [figure])).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].split()[-2:] == ["100.0", "%"]
    assert lines[3].strip() in figure.name
