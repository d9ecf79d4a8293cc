"""Rows that are measured once more with each value of a sampling option, and which result answers which words."""

from dataclasses import replace

import pytest
import yaml
from result_tables import DECLARED, declare, evaluated, trained

from diptych.config import UserError
from diptych.evaluation.results import read_all, save
from diptych.reports.tables.asked import asked_by, varied
from diptych.reports.tables.collect import newest_evaluations
from diptych.reports.tables.declaration import chosen, read_tables
from diptych.reports.tables.files import write_page
from diptych.reports.tables.page import results_page
from diptych.reports.tables.production import Production
from diptych.reports.tables.records import read_records
from diptych.reports.tables.standing import MEASURED, STALE, Inventory

GAN = {"truncation": None, "guidance_scale": 1.0, "style_mixing": None}
OVERRIDES = ["model=mlp_gan", "text_encoder=gru", "data=digits", "budget_images=64"]


@pytest.fixture
def inventory(tmp_path):
    small = {**DECLARED["small"], "overrides": OVERRIDES, "more_seeds": {}, "evaluate": ["--num", "20", "truncation=2"]}
    small |= {"vary": {"guidance_scale": [1, 1.5, 4], "truncation": [0.5, 1]}, "vary_num": 10}
    folder = declare(tmp_path / "docs" / "results", {"lenders": DECLARED["lenders"], "small": small})
    (tmp_path / "outputs").mkdir()
    return Inventory(read_tables(folder), folder, tmp_path / "outputs")


def measured_with(run, recall, num, **sampling):
    evaluated(run, recall, num=num, sampling={**GAN, **sampling})


def table_of(inventory):
    return next(table for table in inventory.tables if table.name == "small")


def test_one_option_is_varied_at_a_time(inventory):
    table = table_of(inventory)
    words = [" ".join(one.words) for one in varied(table, table.evaluate)]
    assert words == [
        *(f"truncation=2 --num 10 --no-skills guidance_scale={scale}" for scale in (1, 1.5, 4)),
        *(f"--num 10 --no-skills truncation={most}" for most in (0.5, 1)),
    ]
    assert not list(varied(replace(table, vary=None), table.evaluate))
    odd = replace(table, vary={"interval": [[0.3, 1]], "ema": [None, 0]})
    assert [one.words[-1] for one in varied(odd, ["--num=7"])] == ["interval=[0.3, 1]", "ema=null", "ema=0"]


def test_a_result_answers_the_words_that_it_was_measured_by(inventory):
    run = trained(inventory.outputs, OVERRIDES, 0)
    measured_with(run, 0.1, 20)
    measured_with(run, 0.5, 20, truncation=2)
    measured_with(run, 0.2, 10, truncation=2)
    measured_with(run, 0.3, 20, truncation=2, guidance_scale=4.0)
    table, config = table_of(inventory), run.read_config()
    newest = newest_evaluations(run, table, table.evaluate)
    assert newest["generation"].figure("recall").value == 0.5  # and not the newest of all
    assert newest_evaluations(run, table, ["--num", "30", "truncation=2"]) == {}
    (one,) = newest.values()
    told = lambda **facts: replace(one, protocol={**one.protocol, **facts})  # noqa: E731
    asked = lambda *words: asked_by([*words, "truncation=2"], config)  # noqa: E731
    assert asked("--num=30").is_answered_by(told(available=20))
    assert not asked("--num=10").is_answered_by(told(available=20))
    assert asked("--num", "20", "--split", "test").is_answered_by(one)
    assert not asked("--num", "20", "--split", "val").is_answered_by(one)
    assert not asked("--num", "20", "--seed", "1").is_answered_by(one)
    beside = told(**{"with": {"run": "judge-1"}})
    assert asked("--num", "20", "--with", "/runs/of/judge-1").is_answered_by(beside)
    assert not asked("--num", "20", "--with", "/runs/of/judge-2").is_answered_by(beside)


def test_skills_count_images_of_prompts_and_answer_any_number(inventory):
    run = trained(inventory.outputs, OVERRIDES, 0)
    measured_with(run, 0.5, 20, truncation=2)
    (generation,) = read_all(run.evaluations)
    protocol = {**generation.protocol, "num": 2000, "num_prompts": 250}
    save(replace(generation, kind="skills", protocol=protocol), run.evaluations, "skills")
    table = replace(table_of(inventory), figures=("generation/recall", "skills/recall"))
    assert newest_evaluations(run, table, table.evaluate).keys() == {"generation", "skills"}


def test_rows_are_wanted_until_each_value_is_measured_and_stand_on_the_page(inventory, tmp_path):
    run = trained(inventory.outputs, OVERRIDES, 0)
    measured_with(run, 0.5, 20, truncation=2)
    rows = chosen(inventory.tables, ["small/base"])
    Production(inventory).measure(rows, evaluate=False)
    (standing,) = inventory.standings(rows)
    assert (standing.state, standing.why) == (STALE, "it is not measured with guidance_scale=1 yet")
    for scale, recall in ((1.0, 0.4), (1.5, 0.45), (4.0, 0.2)):
        measured_with(run, recall, 10, truncation=2, guidance_scale=scale)
    for most, recall in ((0.5, 0.15), (1, 0.35)):
        measured_with(run, recall, 10, truncation=most)
    Production(inventory).measure(rows, evaluate=False)
    (standing,) = inventory.standings(rows)
    assert standing.state == MEASURED
    records = read_records(inventory.folder)
    assert [(f["at"], f["value"]) for f in records[0].varied["guidance_scale"]] == [(1, 0.4), (1.5, 0.45), (4, 0.2)]
    page = results_page(inventory.tables, records)
    assert "**recall by sampling option**, of each row's first run, on 10 examples" in page
    assert "| row | `truncation=0.5` | `truncation=1` |" in page
    assert "| `base` | 15.0 % (5.0 to 25.0) | 35.0 % (25.0 to 45.0) |" in page
    files = write_page(inventory.tables, inventory.folder, tmp_path / "docs" / "results.md")
    assert (tmp_path / "docs" / "images" / "results_small_options.png") in files
    changed = yaml.safe_load((inventory.folder / "small" / "table.yaml").read_text())
    changed["vary"]["guidance_scale"].append(8)
    (inventory.folder / "small" / "table.yaml").write_text(yaml.safe_dump(changed))
    again = Inventory(read_tables(inventory.folder), inventory.folder, inventory.outputs)
    (standing,) = again.standings(chosen(again.tables, ["small/base"]))
    assert standing.why == "it is not measured with guidance_scale=8 yet"


def test_other_numbers_are_measured_anew_and_values_that_a_row_refuses_are_left_out(inventory, monkeypatch):
    run = trained(inventory.outputs, OVERRIDES, 0)
    measured_with(run, 0.5, 20, truncation=2)
    asked = []

    def evaluate(arguments, *_):
        asked.append(arguments[-1])
        return 2

    monkeypatch.setattr("diptych.reports.tables.production.carry_out", evaluate)
    production = Production(inventory)
    production.measure(chosen(inventory.tables, ["small/base"]))
    assert asked == ["guidance_scale=1", "guidance_scale=1.5", "guidance_scale=4", "truncation=0.5", "truncation=1"]
    (standing,) = inventory.standings(chosen(inventory.tables, ["small/base"]))
    assert (standing.state, production.failures) == (MEASURED, [])
    assert "by sampling option" not in results_page(inventory.tables, read_records(inventory.folder))
    changed = yaml.safe_load((inventory.folder / "small" / "table.yaml").read_text()) | {"vary_num": 30}
    (inventory.folder / "small" / "table.yaml").write_text(yaml.safe_dump(changed))
    again = Inventory(read_tables(inventory.folder), inventory.folder, inventory.outputs)
    (standing,) = again.standings(chosen(again.tables, ["small/base"]))
    assert standing.why == "it is not measured with guidance_scale=1 yet"


def test_a_declaration_without_values_is_refused(inventory):
    path = inventory.folder / "small" / "table.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"vary": {"steps": 4}}))
    with pytest.raises(UserError, match=r"vary: steps needs a list of values, such as \[1, 4, 20\]"):
        read_tables(inventory.folder)


def test_boards_draw_the_validations_of_several_rows(inventory, tmp_path):
    for name, objective in (("base", []), ("hinge", ["objective=hinge"])):
        measured_with(
            trained(inventory.outputs, [*OVERRIDES, *objective], 0), 0.5 if name == "base" else 0.6, 20, truncation=2
        )
    Production(inventory).measure(chosen(inventory.tables, ["small"]), evaluate=False)
    files = write_page(inventory.tables, inventory.folder, tmp_path / "docs" / "results.md")
    plot = tmp_path / "docs" / "images" / "results_board_val_truth.png"
    assert plot in files
    assert f"(images/{plot.name})" in (tmp_path / "docs" / "results.md").read_text()
