"""Many skills as one in `diptych compare`: which figures go in, what is said of them, and where nothing is."""

import json

import numpy as np
import pytest

from diptych.evaluation.results import Evaluation, Figure, save
from diptych.evaluation.skills.figures import NAMES, line_of
from diptych.evaluation.skills.names import OVERALL
from diptych.metrics.statistics import interquartile_mean, probability_of_improvement
from diptych.reports.comparison.comparison import Comparison, compare
from diptych.reports.comparison.files import compare_runs
from diptych.reports.comparison.groups import grouped
from diptych.reports.comparison.results import measured_alike
from diptych.reports.comparison.text import comparison_markdown, comparison_text, comparison_values
from diptych.runs.folder.layout import RunFolder
from diptych.world.prompts import HELD_OUT, SEEN

GENERATORS = ("LayeredGenerator", "ResidualGenerator", "MLPGenerator")
RATES = np.random.default_rng(0).uniform(0.2, 0.9, (3, 4, len(NAMES))).round(2)
"""Of each method, run and skill."""


def generator(outputs, method: int, seed: int, kind: str = "skills", skills: int = len(NAMES)) -> RunFolder:
    run = RunFolder.create(outputs, "generator", f"generator-{method}-{seed}")
    generator = {"_target_": f"diptych.models.{GENERATORS[method]}"}
    run.write_config({"name": "generator", "seed": seed, "generator": generator, "parts": {}})
    names = list(NAMES)[:skills]
    rates = dict(zip(names, RATES[method, seed].tolist(), strict=False))
    further = [("strict", SEEN), ("geneval", HELD_OUT), ("atoms", SEEN)]
    figures = [
        Figure(value=0.1, n=600, **line_of(OVERALL, "geneval", SEEN, "GenEval score")),
        *(Figure(value=rate, n=100, **line_of(name, "geneval", SEEN, NAMES[name])) for name, rate in rates.items()),
        *(Figure(value=0.0, n=100, **line_of(name, *of, "")) for name in names for of in further),
        Figure("legible", 1.0, 900),
    ]
    protocol = {"run": run.run_id, "data": "scenes64", "split": "test", "num": 900, "seed": 0}
    save(Evaluation(kind, "Skills", protocol, figures), run.evaluations, kind)
    return run


def compared(runs) -> Comparison:
    groups = grouped(runs)
    (results,) = measured_alike([run for group in groups for run in group.runs])
    return compare(groups, results)


def methods(outputs, num: int = 2, seeds: int = 3, **how) -> list[RunFolder]:
    return [generator(outputs, method, seed, **how) for method in range(num) for seed in range(seeds)]


@pytest.mark.parametrize("kind", ["skills", "skills_full"])
def test_the_rates_of_single_skills_go_in_and_nothing_else(tmp_path, kind):
    skills = compared(methods(tmp_path, kind=kind)).skills
    assert skills.skills == tuple(NAMES.values())
    assert [scores.tolist() for scores in skills.scores] == [RATES[0, :3].tolist(), RATES[1, :3].tolist()]
    assert [estimate.value for estimate in skills.means] == [interquartile_mean(RATES[i, :3]) for i in (0, 1)]
    (improvement,) = skills.improvements
    assert improvement.value == probability_of_improvement(RATES[0, :3], RATES[1, :3])


def test_both_intervals_say_what_they_range_over(tmp_path):
    estimate = compared(methods(tmp_path)).skills.improvements[0]
    intervals = estimate.interval, estimate.interval_of_whole_runs
    assert [(i.over, i.n, i.method) for i in intervals] == [
        ("training seeds", 3, "stratified bootstrap"),
        ("training seeds", 3, "bootstrap of whole runs"),
    ]
    assert all(i.low <= estimate.value <= i.high for i in intervals)


@pytest.mark.parametrize("how", [{"seeds": 1}, {"skills": 1}])
def test_nothing_is_said_of_single_runs_or_one_skill(tmp_path, how):
    comparison = compared(methods(tmp_path, **how))
    assert comparison.skills is None
    assert "many skills" not in (comparison_text(comparison) + comparison_markdown(comparison)).lower()
    assert comparison_values(comparison)["many_skills_as_one"] is None


def test_nothing_is_said_where_one_group_has_a_single_run(tmp_path):
    assert compared([*methods(tmp_path), generator(tmp_path, 2, 0)]).skills is None


def test_a_skill_that_a_run_was_not_measured_in_is_left_out(tmp_path):
    comparison = compared([*methods(tmp_path, num=1), generator(tmp_path, 1, 0, skills=7), generator(tmp_path, 1, 1)])
    assert comparison.skills.skills == tuple(NAMES.values())[:7]
    assert "GenEval's rates of 7 skills, 2 to 3 training seeds a group" in comparison_text(comparison)


def test_one_group_alone_has_a_mean_and_no_improvement(tmp_path):
    comparison = compared(methods(tmp_path, num=1))
    assert (len(comparison.skills.means), comparison.skills.improvements) == (1, ())
    text = comparison_text(comparison)
    assert "interquartile mean" in text
    assert "improvement" not in text


@pytest.mark.parametrize("num", [2, 3])
def test_the_block_fits_80_columns_below_the_table(tmp_path, num):
    lines = comparison_text(compared(methods(tmp_path, num=num))).splitlines()
    assert max(map(len, lines)) <= 80
    block = lines[lines.index("many skills as one: GenEval's rates of 9 skills, 3 training seeds a group") :]
    assert "probability of improvement over LayeredGenerator" in block
    assert sum(line.startswith("  ResidualGenerator ") for line in block) == 2
    assert any(line.startswith("both are too narrow for 3 runs") for line in block)


def test_text_markdown_and_json_say_the_same(tmp_path):
    comparison = compared(methods(tmp_path))
    values = comparison_values(comparison)["many_skills_as_one"]
    mean = values["interquartile_mean"]["generator=ResidualGenerator"]
    assert mean["value"] == comparison.skills.means[1].value
    low, high = (f"{100 * mean['interval'][end]:.1f}" for end in ("low", "high"))
    assert f"{low} to {high}" in comparison_text(comparison)
    assert (
        f"| interquartile mean | generator=ResidualGenerator | {100 * mean['value']:.1f} % | {low} to {high} |"
        in comparison_markdown(comparison)
    )
    assert list(values["probability_of_improvement"]) == ["generator=ResidualGenerator"]
    assert all(note in comparison_markdown(comparison) for note in values["notes"])


def test_a_profile_falls_from_all_to_none_within_its_band(tmp_path):
    for profile, scores in zip((skills := compared(methods(tmp_path)).skills).profiles(), skills.scores, strict=True):
        assert (profile.share[0], profile.share[-1]) == (1, 0)
        assert (np.diff(profile.share) <= 0).all()
        assert set(scores.ravel()) <= set(profile.thresholds)
        assert (profile.low <= profile.share).all()
        assert (profile.share <= profile.high).all()


def test_the_profile_is_drawn_and_the_same_again(tmp_path):
    runs = methods(tmp_path / "outputs", num=3)
    contents = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        written = compare_runs(runs, None, folder)
        assert {"skills_profile.png", "skills_profile.svg"} < {path.name for path in written.files}
        contents.append([(folder / f"skills_profile.{kind}").read_bytes() for kind in ("png", "svg")])
    assert contents[0] == contents[1]
    assert json.loads((folder / "comparison.json").read_text())[0]["many_skills_as_one"]["skills"] == [*NAMES.values()]
