"""What others are told of a run."""

import json
from pathlib import Path

import pytest

from diptych.config import UserError
from diptych.config.places import without_places
from diptych.runs.disclosure import described, run_info, told
from diptych.runs.folder import RunFolder, digest_of
from diptych.runs.identity import inherited_or_new_run_id, inherited_sweep
from diptych.runs.seeds import seedless_digest

CONFIG = {
    "seed": 3,
    "system": {"seed": 3, "width": 64},
    "data": {"seed": 4, "root": "pictures"},
    "features": {"seed": 0},  # of the network that compares pictures, whatever the run's
    "parts": {},
    "paths": {"outputs": "outputs"},
    "tracking": {},
}
VARIABLES = ("DIPTYCH_RUN_ID", "DIPTYCH_SWEEP", "WANDB_RUN_ID", "WANDB_SWEEP_ID")


@pytest.fixture(autouse=True)
def _no_sweep(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def folder_in(path: Path) -> RunFolder:
    return RunFolder.create(path, "demo", "20260101-abcdef")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/home/me/pictures", "…/pictures"),
        ("~/pictures/", "…/pictures"),
        ("../../home/me/x", "…/x"),
        ("data/../../me", "…/me"),
        ("file:///home/me/conf", "…/conf"),
        ("C:\\Users\\me\\x", "…/x"),
        ("\\\\host\\share\\x", "…/x"),
        ("/", "…"),
        ("outputs/demo", "outputs/demo"),
        ("a red circle / a blue square", "a red circle / a blue square"),
        ("val/true", "val/true"),
        ("1..3", "1..3"),
    ],
)
def test_only_paths_that_lead_elsewhere_are_cut_to_their_last_name(path, said):
    assert without_places({"a": [path, 1, None, True]}) == {"a": [said, 1, None, True]}


def test_what_is_told_leaves_the_run_s_own_configuration_alone():
    config = CONFIG | {"paths": {"outputs": "/home/me/outputs"}}
    assert told(config)["paths"] == {"outputs": "…/outputs"}
    assert config["paths"] == {"outputs": "/home/me/outputs"}


def test_digests_do_not_depend_on_where_things_lie():
    elsewhere = CONFIG | {"data": CONFIG["data"] | {"root": "/home/me/pictures"}}
    somewhere = CONFIG | {"data": CONFIG["data"] | {"root": "/srv/pictures"}}
    assert digest_of(elsewhere) == digest_of(somewhere)


@pytest.mark.parametrize("seed", [0, 5])
def test_runs_that_differ_only_in_the_seed_share_the_seedless_digest(seed):
    other = CONFIG | {"seed": seed, "system": {"seed": seed, "width": 64}}
    assert digest_of(other) != digest_of(CONFIG)
    assert seedless_digest(other) == seedless_digest(CONFIG)


@pytest.mark.parametrize("change", [{"data": {"seed": 5, "root": "pictures"}}, {"system": {"seed": 3, "width": 32}}])
def test_a_seed_of_its_own_and_any_other_value_count(change):
    assert seedless_digest(CONFIG | change) != seedless_digest(CONFIG)


def test_trackers_are_told_what_the_folder_holds_and_no_command_line(tmp_path):
    folder = folder_in(tmp_path)
    start = described(CONFIG, "lr")
    folder.write_environment(start)
    run = run_info(folder, 64)
    written = json.loads((folder.path / "environment.json").read_text())["starts"][-1]
    assert (run.sweep, run.resume_images) == ("lr", 64)
    assert run.facts["config_digest"] == written["config_digest"] == digest_of(CONFIG)
    assert run.facts["environment"] == {name: written[name] for name in run.facts["environment"]}
    assert {"python", "packages", "code", "hardware"} <= set(run.facts["environment"])
    assert "command" in written
    assert "command" not in run.facts["environment"]


def test_a_run_resumed_by_hand_stays_in_its_sweep(tmp_path):
    folder = folder_in(tmp_path)
    folder.write_environment(described(CONFIG, "lr"))
    folder.write_environment(described(CONFIG, ""))
    assert run_info(folder).sweep == "lr"


def test_under_an_agent_of_w_b_the_run_takes_the_agents_id_and_sweep(monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "ag3nt")
    assert inherited_or_new_run_id() != "ag3nt"  # set by a person, for no sweep
    assert inherited_sweep() == ""
    monkeypatch.setenv("WANDB_SWEEP_ID", "sw33p")
    assert (inherited_or_new_run_id(), inherited_sweep()) == ("ag3nt", "sw33p")
    monkeypatch.setenv("DIPTYCH_RUN_ID", "ours")
    monkeypatch.setenv("DIPTYCH_SWEEP", "lr")
    assert (inherited_or_new_run_id(), inherited_sweep()) == ("ours", "lr")


def test_an_agents_id_that_cannot_name_a_folder_is_refused(monkeypatch):
    monkeypatch.setenv("WANDB_SWEEP_ID", "sw33p")
    monkeypatch.setenv("WANDB_RUN_ID", "../up")
    with pytest.raises(UserError, match=r"WANDB_RUN_ID='\.\./up' cannot name a folder"):
        inherited_or_new_run_id()
