"""Trackers receive a run's facts without paths, secrets and names."""

import json
import time
from pathlib import Path

import pytest

from diptych.config import UserError
from diptych.config.redaction import without_paths
from diptych.runs.folder.digests import seedless_digest
from diptych.runs.folder.identity import inherited_or_new_run_id, inherited_sweep
from diptych.runs.folder.layout import RunFolder, digest_of
from diptych.runs.lifecycle.redaction import redacted, run_info, start_record

CONFIG = {
    "seed": 3,
    "system": {"seed": 3, "width": 64},
    "data": {"seed": 4, "root": "pictures"},
    "features": {"seed": 0},  # the seed of the feature network, whatever the run's seed
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
        ("C:\\Users\\me", "…"),
        ("/home/me", "…"),
        ("~me", "…"),
        ("\\\\host\\share\\x", "…/x"),
        ("/", "…"),
        ("outputs/demo", "outputs/demo"),
        ("a red circle / a blue square", "a red circle / a blue square"),
        ("val/scene_accuracy", "val/scene_accuracy"),
        ("1..3", "1..3"),
    ],
)
def test_only_paths_outside_the_working_directory_are_cut_to_their_last_name(path, said):
    assert without_paths({"a": [path, 1, None, True]}) == {"a": [said, 1, None, True]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("--data=/home/me/d --lr=0.1", "--data=…/d --lr=0.1"),
        ("--data='/home/me/d',~/e;\"~me/f\"", "--data='…/d',…/e;\"…/f\""),
        ("[/home/me/d, /srv/e]", "[…/d, …/e]"),
        ("--root=data/../../me --out=outputs/x", "--root=…/me --out=outputs/x"),
        ("as in file:///home/me/d", "as in …/d"),
        ("from C:\\Users\\me\\d or \\\\box\\me\\e", "from …/d or …/e"),
        ("me@box:/home/me/d", "…/d"),
        ("rsync me@box:d/e box:/srv/f", "rsync …/e …/f"),
        ("ssh://me@box/home/me/d", "…/d"),
        ("https://me:secret@host.org/d", "https://host.org/d"),
        ("see https://host.org/d?api_key=secret&n=3", "see https://host.org/d?api_key=…&n=3"),
        ("/opt/load https://me:secret@host.org", "…/host.org"),
        ("cc -I/home/me/inc -L~/lib -o/home/me", "cc -I…/inc -L…/lib -o…"),
        ("-I/home/me/inc", "-I…/inc"),
        ("hdfs://box/user/me", "…"),
        ("read hdfs://box/user/me/d", "read …/d"),
        ("https://host.org/#access_token=secret", "https://host.org/#access_token=…"),
        ("https://host.org/d;token=secret;n=3", "https://host.org/d;token=…;n=3"),
        ("https://me:" + "secret" * 99 + "@host.org/d", "https://host.org/d"),
        ("ask me@host.org, or Me <me.too+d@a.host.org>.", "ask …, or Me <…>."),
        ("git@host.org:me/d", "…/d"),
    ],
)
def test_paths_and_secrets_are_redacted_anywhere_in_a_text(text, said):
    assert without_paths({"a": ([text],), text: 1}) == {"a": [[said]], said: 1}
    assert without_paths(said) == said


@pytest.mark.parametrize(
    "text",
    [
        "https://host.org/a/b",
        "s3://bucket/a",
        "hf://datasets/a",
        "lr=1e-3/2",
        "10 / 2 and 16:9",
        "recall@5: 0.3",
        "optimizer@generator_optimizer=adam",
        "parts.captioner.run=latest",
        "diptych.systems.gan.system.GAN",
        "%Y/%m",
        "1 /2",
        "1 /2.5 of x",
        "a -x/2",
        "tokens=5;max_tokens=7",
        "optimizer@system.optimizer=adam",
        "optimizer@systems.gan.optimizer=adam",
        "pip install diptych@1.2.3",
    ],
)
def test_text_without_paths_is_unchanged(text):
    assert without_paths(text) == text


@pytest.mark.parametrize(
    "piece", ["@", "?", "a", "a+", "?key", "~", "/", "\\", "../", "a@", "a.", "@a.", "a:", ";key://", "-I/"]
)
def test_redaction_takes_linear_time(piece):
    began = time.perf_counter()
    without_paths("x " + piece * 20_000)
    assert time.perf_counter() - began < 20


def test_redaction_leaves_the_run_s_own_configuration_alone():
    config = CONFIG | {"paths": {"outputs": "/home/me/outputs"}}
    assert redacted(config)["paths"] == {"outputs": "…/outputs"}
    assert config["paths"] == {"outputs": "/home/me/outputs"}


def test_host_and_user_names_are_redacted_everywhere(monkeypatch):
    monkeypatch.setenv("LOGNAME", "alice")
    monkeypatch.setattr("diptych.runs.lifecycle.redaction.host_name", lambda: "gpu-box.lab.org")
    config = {
        "_target_": "alice.models.Net",
        "alice": ["trained by alice", "alice-laptop", "http://gpu-box:8080/alice", ("gpu-box.lab.org",)],
        "root": "/srv/alice",
    }
    assert redacted(config) == {
        "_target_": "alice.models.Net",
        "alice": ["trained by …", "…-laptop", "http://…:8080/…", ["…"]],
        "root": "…/…",
    }
    assert redacted("malice aforethought") == "malice aforethought"


def test_a_user_without_a_name_needs_no_redaction(monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(KeyError("getpwuid(): uid not found: 1000")))
    monkeypatch.setattr("diptych.runs.lifecycle.redaction.host_name", lambda: "localhost")
    assert redacted("a red circle") == "a red circle"


def test_digests_do_not_depend_on_paths():
    elsewhere = CONFIG | {"data": CONFIG["data"] | {"root": "/home/me/pictures", "tool": "read --to=~/cache"}}
    somewhere = CONFIG | {"data": CONFIG["data"] | {"root": "/srv/pictures", "tool": "read --to=/tmp/cache"}}
    assert digest_of(elsewhere) == digest_of(somewhere)


def test_a_key_that_came_later_and_says_nothing_leaves_the_digest_as_it_was():
    system = {"max_grad_norm": 5.0}
    before, after = CONFIG | {"system": system}, CONFIG | {"system": system | {"micro_batch_size": None}, "freeze": []}
    assert digest_of(after) == digest_of(before)
    assert digest_of(CONFIG | {"system": system | {"micro_batch_size": 4}}) != digest_of(before)


def test_digests_do_not_depend_on_who_trains(monkeypatch):
    digest = digest_of(CONFIG)
    monkeypatch.setenv("LOGNAME", "pictures")
    assert digest_of(CONFIG) == digest


@pytest.mark.parametrize("seed", [0, 5])
def test_runs_that_differ_only_in_the_seed_share_the_seedless_digest(seed):
    other = CONFIG | {"seed": seed, "system": {"seed": seed, "width": 64}}
    assert digest_of(other) != digest_of(CONFIG)
    assert seedless_digest(other) == seedless_digest(CONFIG)


@pytest.mark.parametrize("change", [{"data": {"seed": 5, "root": "pictures"}}, {"system": {"seed": 3, "width": 32}}])
def test_a_seed_of_its_own_and_any_other_value_count(change):
    assert seedless_digest(CONFIG | change) != seedless_digest(CONFIG)


def test_trackers_receive_the_folder_s_facts_and_no_command_line(tmp_path):
    folder = folder_in(tmp_path)
    start = start_record(CONFIG, "lr")
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
    folder.write_environment(start_record(CONFIG, "lr"))
    folder.write_environment(start_record(CONFIG, ""))
    assert run_info(folder).sweep == "lr"


def test_under_an_agent_of_w_b_the_run_takes_the_agents_id_and_sweep(monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "ag3nt")
    assert inherited_or_new_run_id() != "ag3nt"  # set without a sweep
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


def test_a_callback_that_only_reports_leaves_the_digest_as_it_was():
    callbacks = {"budget": {"_target_": "diptych.callbacks.Budget"}}
    with_report = callbacks | {"data_wait": {"_target_": "diptych.callbacks.DataWait", "max_share": None}}
    assert digest_of(CONFIG | {"callbacks": with_report}) == digest_of(CONFIG | {"callbacks": callbacks})
    assert digest_of(CONFIG | {"callbacks": {}}) != digest_of(CONFIG | {"callbacks": callbacks})
