"""docs/json.md names the keys that commands give, and the commands give the keys that it names."""

import argparse
import importlib
import json
import re
from pathlib import Path
from typing import Any

import processes
import pytest
from PIL import Image

from diptych.cli.main import COMMANDS, main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "json.md"
ROW = re.compile(r"^\| `(diptych [^`]+)` \| (.*) \|$", re.MULTILINE)
KEY = re.compile(r"`([a-z_]+)`")
NESTED = re.compile(r"`([a-z_]+)` \(each ([^)]*)\)")
SMALL = ["data=digits", "tracking=none", "data.batch_size=16", "data.val_size=20", "budget_images=32", "name=tiny"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two captioners and a generator, trained for two steps; the captioners evaluated."""
    folder = tmp_path_factory.mktemp("json")
    trained = [["model=cnn_rnn_attention", "seed=0"], ["model=cnn_rnn_attention", "seed=1"], ["model=mlp_gan"]]
    for words in trained:
        assert processes.finish(["train", *words, *SMALL], folder) == 0, processes.said(folder)
    Image.new("RGB", (28, 28), "white").save(folder / "white.png")
    (folder / "captions").mkdir()
    Image.new("RGB", (28, 28), "white").save(folder / "captions" / "white.png")
    (folder / "captions" / "metadata.jsonl").write_text('{"file_name": "white.png", "text": "white"}')
    (folder / "said.json").write_text('{"white.png": "a white picture of nothing"}')
    (folder / "meant.json").write_text('{"white.png": ["a white picture of snow"]}')
    yield folder
    processes.kill_all()


@pytest.fixture
def here(folder, monkeypatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def documented(command: str) -> tuple[set[str], dict[str, set[str]]]:
    """The keys that the page names for a command: those of the whole, and those of each entry of a list."""
    (words,) = [keys for name, keys in ROW.findall(PAGE.read_text(encoding="utf-8")) if name == command]
    nested = {name: set(KEY.findall(keys)) for name, keys in NESTED.findall(words)}
    return set(KEY.findall(NESTED.sub(r"`\1`", words))), nested


def said(capsys: Any, *words: str, code: int = 0) -> Any:
    assert main([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def runs(capsys: Any) -> dict[str, list[str]]:
    """Run ids by what was trained."""
    ids: dict[str, list[str]] = {}
    for row in said(capsys, "runs"):
        ids.setdefault(row["overrides"][0], []).append(row["id"])
    return ids


def check(result: dict[str, Any], command: str, optional: frozenset[str] = frozenset()) -> None:
    keys, nested = documented(command)
    assert set(result) <= keys
    assert keys - set(result) <= optional
    for name, entry_keys in nested.items():
        for entry in result[name]:
            assert set(entry) <= entry_keys, name
            assert entry_keys - set(entry) <= optional, name


def test_lists_have_the_documented_keys(here, capsys):
    for words, command in ((["runs"], "diptych runs"), (["doctor"], "diptych doctor")):
        keys, _ = documented(command)
        assert all(set(row) == keys for row in said(capsys, *words))


def test_one_run_has_those_of_the_list_and_more(here, capsys):
    (run, *_) = runs(capsys)["model=mlp_gan"]
    of_list, _ = documented("diptych runs")
    more, _ = documented("diptych runs show RUN")
    assert set(said(capsys, "runs", "show", run)) == of_list | more


def test_generated_and_captioned_pictures_have_the_documented_keys(here, capsys):
    ids = runs(capsys)
    generated = said(capsys, "generate", ids["model=mlp_gan"][0], "-n", "1", "--grid")
    check(generated, "diptych generate RUN …", frozenset({"edit_of"}))
    walked = said(capsys, "generate", ids["model=mlp_gan"][0], "--walk-noise", "--frames", "2")
    check(walked, "diptych generate RUN … --walk")
    captioner = ids["model=cnn_rnn_attention"][0]
    captioned = said(capsys, "caption", captioner, "white.png", "--attention")
    optional = frozenset({"image_id", "words", "alternatives", "lacks"})
    check(captioned, "diptych caption RUN …", optional)
    several = said(capsys, "caption", captioner, "white.png", "--attention", "--words", "beam=3", "num_captions=2")
    check(several, "diptych caption RUN …", frozenset({"image_id", "lacks"}))
    check(
        said(capsys, "caption", captioner, "white.png", "--score", "a zero"),
        "diptych caption RUN … --score S",
        optional,
    )


def test_evaluations_and_comparisons_have_the_documented_keys(here, capsys):
    captioners = runs(capsys)["model=cnn_rnn_attention"]
    for run in captioners:
        result = said(capsys, "evaluate", run, "--num", "16")
        assert set(result) == {"evaluations"}
        file = json.loads(Path(result["evaluations"][0]["file"]).read_text())
        assert set(result["evaluations"][0]) == {"file", *file} - {"examples"}
    check(said(capsys, "compare", *captioners), "diptych compare RUN RUN")


def test_scores_and_checks_of_files_have_the_documented_keys(here, capsys):
    scored = said(capsys, "score", "said.json", "meant.json")
    keys, _ = documented("diptych score P R")
    inner = {"low", "high", "over", "method", "n", "confidence"}
    assert set(scored) == keys - inner
    assert {key for interval in scored["intervals"].values() if interval for key in interval} <= inner
    checked = said(capsys, "data", "check", "captions", code=1)
    assert checked["problems"]
    check(checked, "diptych data check D")


def test_packed_data_have_the_documented_keys(here, capsys, tmp_path):
    keys, nested = documented("diptych data pack D --out F")
    packed = said(
        capsys, "data", "pack", "captions", "data.val_share=0", "data.test_share=0", "--out", str(tmp_path / "F")
    )
    assert set(packed) == keys
    assert packed == json.loads((tmp_path / "F" / "pack.json").read_text(encoding="utf-8"))
    assert all(set(each) == nested[name] for name in ("splits", "shards") for each in packed[name].values())


def test_every_command_that_takes_json_has_a_row():
    named = {name.split()[1] for name, _ in ROW.findall(PAGE.read_text(encoding="utf-8"))}
    for command in COMMANDS:
        module = importlib.import_module(f"diptych.cli.{command}")
        if not hasattr(module, "add_arguments"):
            continue
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        assert ("--json" in parser.format_help()) == (command in named), command
