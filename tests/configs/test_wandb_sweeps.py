"""conf/sweep/wandb holds W&B's own sweep files: what an agent types from them is held against real configurations."""

import itertools
import shutil
from pathlib import Path

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from diptych.cli.main import COMMANDS
from diptych.config.composition import compose
from diptych.runs.folder.layout import RunFolder
from diptych.runs.training import check, train
from diptych.tracking import read_metrics

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = sorted((REPOSITORY / "conf" / "sweep" / "wandb").glob("*.yaml"))
GOALS = {"min": "minimize", "max": "maximize"}
SMALL = ["data.batch_size=4", "data.val_size=8", "debug=one_step", "tracking=csv", "budget_images=4"]
pytestmark = pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)


def sweep_of(file):
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def typed(sweep, values):
    """What W&B's agent makes of the command for one choice of values, as a list of arguments."""
    asked = {"args": {name: {"value": value} for name, value in values.items()}}
    known = create_sweep_command_args(asked) | {"env": ["/usr/bin/env"], "program": [sweep["program"]]}
    words = [known.get(word[2:-1], []) if word.startswith("${") else [word] for word in sweep["command"]]
    return list(itertools.chain.from_iterable(words))


def choices(parameter):
    """Every value that is listed, or both ends of a range."""
    if "value" in parameter:
        return [parameter["value"]]
    return parameter.get("values") or [parameter["min"], parameter["max"]]


def every_choice_once(sweep):
    """Sets of values in which each value of each parameter occurs."""
    columns = {name: choices(parameter) for name, parameter in sweep["parameters"].items()}
    for i in range(max(map(len, columns.values()))):
        yield {name: values[min(i, len(values) - 1)] for name, values in columns.items()}


def overrides(sweep, values):
    environment, program, command, *words = typed(sweep, values)
    assert (environment, program, command) == ("/usr/bin/env", "diptych", "train")
    assert command in COMMANDS
    return words


def value_at(config, key):
    for name in key.split("."):
        config = config[name]
    return config


def has(config, key):
    try:
        value_at(config, key)
    except KeyError:
        return False
    return True


def test_every_choice_composes_to_a_run_that_may_begin_and_takes_effect(file):
    sweep = sweep_of(file)
    for values in every_choice_once(sweep):
        config = compose(overrides(sweep, values))
        check(config)
        for key, value in values.items():
            wanted = yaml.safe_load(value) if isinstance(value, str) else value
            assert value_at(config, key) == wanted


def test_every_key_is_one_that_the_configuration_has_without_it(file):
    sweep = sweep_of(file)
    config = compose(overrides(sweep, {}))
    assert [key for key in sweep["parameters"] if not has(config, key)] == []


def test_parameters_are_plain_numbers_or_text_without_blanks(file):
    """W&B writes blanks into lists and does not quote; a bare 1e-4 is text in YAML."""
    for name, parameter in sweep_of(file)["parameters"].items():
        for value in choices(parameter):
            assert isinstance(value, int | float | str), name
            if isinstance(value, str):
                assert " " not in value
                assert not value.replace("e-", "").replace(".", "").isdigit(), f"{name}: {value} is text, not a number"


def test_no_parameter_takes_the_place_of_a_whole_part_in_what_w_b_knows(file):
    """W&B locks what an agent chose: a parameter `data` would hide the configuration's own `data`."""
    sweep = sweep_of(file)
    config = compose(overrides(sweep, {}))
    assert [key for key in sweep["parameters"] if isinstance(config.get(key), dict)] == []


def test_the_metric_is_what_the_run_picks_its_best_checkpoint_by_and_really_logs(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sweep = sweep_of(file)
    values = next(every_choice_once(sweep))
    config = compose(overrides(sweep, values))
    assert sweep["metric"] == {"name": config["monitor"], "goal": GOALS[config["mode"]]}
    words = [word for word in overrides(sweep, values) if not word.startswith(("budget_images", "validate_every"))]
    folder, _ = train(compose([*words, *SMALL]))
    assert isinstance(folder, RunFolder)
    assert any(sweep["metric"]["name"] in row for row in read_metrics(folder.metrics))
    shutil.rmtree(tmp_path / "outputs")


def test_what_ends_bad_runs_early_comes_within_the_budget(file):
    sweep = sweep_of(file)
    if "early_terminate" not in sweep:
        assert sweep["method"] == "grid"
        return
    config = compose(overrides(sweep, {}))
    validations = config["budget_images"] // config["validate_every_images"]
    rule = sweep["early_terminate"]
    assert rule["type"] == "hyperband"
    assert rule["min_iter"] * rule["eta"] < validations


def test_runs_go_to_the_project_of_the_sweep(file):
    assert sweep_of(file)["project"] == compose(overrides(sweep_of(file), {}))["tracking"]["wandb"]["project"]


def test_every_file_begins_with_its_question_and_its_command(file):
    question, command = file.read_text(encoding="utf-8").splitlines()[:2]
    assert "?" in question
    assert f"wandb sweep {file.relative_to(REPOSITORY)}" in command
