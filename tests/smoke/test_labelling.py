"""Folders of pictures labelled from the command line: options, scores, ensembles, and a process that is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import diptych
from diptych.cli.main import main
from diptych.config import UserError
from diptych.config.composition import compose
from diptych.data.caption_files import read_rows
from diptych.runs.folder.layout import RunFolder
from diptych.runs.training import train

TINY = (
    "model=cnn_rnn",
    "image_encoder.num_halvings=2",
    "data=digits",
    "data.batch_size=16",
    "data.val_size=32",
    "budget_images=64",
    "validate_every_images=64",
    "tracking=csv",
    "trainer.threads=1",
    "callbacks.progress.quiet=true",
)
MANY = 300


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def runs(outputs) -> list[RunFolder]:
    return [train(compose([*TINY, f"seed={seed}", f"paths.outputs={outputs}"]))[0] for seed in (0, 1)]


@pytest.fixture(autouse=True)
def _outputs_are_here(outputs, monkeypatch):
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(outputs))


def pictures(folder: Path, number: int) -> Path:
    rng = np.random.default_rng(0)
    (folder / "more").mkdir(parents=True)
    for i in range(number):
        place = folder / ("more" if i % 3 == 0 else "") / f"{i:05}.png"
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(place)
    return folder


def captions_in(file: Path) -> list[tuple[str | None, str | None]]:
    return [(row.file, row.caption) for row in read_rows(file)]


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "json"])
def test_a_folder_is_labelled_in_every_format_and_scored(suffix, runs, tmp_path, capsys):
    folder, out = pictures(tmp_path / "pictures", 5), tmp_path / f"told.{suffix}"
    (folder / "00001.png").write_bytes(b"no picture")
    command = ["caption", str(runs[0].path), str(folder), "beam=3", "block_ngrams=2", "--out", str(out), "--json"]
    assert main(command) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["skipped"] == [str(folder / "00001.png")]
    assert captions_in(out) == [(entry["file_name"], entry["caption"]) for entry in said["captions"]]
    assert main(command) == 1
    again = json.loads(capsys.readouterr().out)
    assert (again["already"], again["captions"]) == (4, [])
    (folder / "00001.png").write_bytes((folder / "00002.png").read_bytes())
    assert main(command) == 0
    assert len(captions_in(out)) == 5
    references = tmp_path / "references.jsonl"
    references.write_text("".join(json.dumps({"file_name": f, "text": "a one"}) + "\n" for f, _ in captions_in(out)))
    assert main(["score", str(out), str(references), "--no-java"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["jsonl", "json"])
def test_a_killed_call_goes_on_as_if_nothing_had_happened(suffix, runs, tmp_path, capsys):
    folder, out, whole = pictures(tmp_path / "pictures", MANY), tmp_path / f"out.{suffix}", tmp_path / f"all.{suffix}"
    command = ["caption", str(runs[0].path), str(folder), "min_length=3", "--out"]
    running = subprocess.Popen(
        [sys.executable, "-m", "diptych", *command, str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while not out.exists() or out.stat().st_size < 100:
        assert running.poll() is None, "it ended before it could be killed"
        time.sleep(0.001)
    running.send_signal(signal.SIGKILL)
    running.wait()
    left = out.read_bytes()
    assert left.count(b"\n") < MANY
    out.write_bytes(left[: left.rindex(b"\n", 0, -40) + 20])  # and its last line is cut, as by a machine that stops
    assert main([*command, str(out)]) == 0
    assert "captions of this request already" in capsys.readouterr().err
    assert main([*command, str(whole)]) == 0
    assert out.read_bytes() == whole.read_bytes()
    assert len(captions_in(out)) == MANY


def test_what_is_asked_for_is_in_the_answer(runs, tmp_path, capsys):
    folder, run = pictures(tmp_path / "pictures", 2), str(runs[0].path)
    loaded = diptych.load(run)
    word = loaded.vocabulary[0]
    options = [f"prefix={word}", "beam=4", "num_captions=2", "min_length=3"]
    assert main(["caption", run, str(folder), *options, "--words", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)["captions"]
    in_python = loaded.caption(sorted(folder.rglob("*.png")), prefix=word, beam=4, num_captions=2, min_length=3)
    by_name = {entry["caption"]: entry for entry in entries}
    for caption in in_python:
        entry = by_name[caption.text]
        assert [each["word"] for each in entry["words"]] == list(caption.words)
        assert caption.words[0] == word
        assert len(entry["alternatives"]) == 1


def test_a_given_sentence_is_scored(runs, tmp_path, capsys):
    folder, run = pictures(tmp_path / "pictures", 2), str(runs[0].path)
    assert main(["caption", run, str(folder), "--score", "a handwritten seven", "--score", "a zebra", "--json"]) == 0
    said = capsys.readouterr()
    entries = json.loads(said.out)["scores"]
    assert "never saw 'zebra'" in said.err
    assert [entry["sentence"] for entry in entries] == ["a handwritten seven", "a zebra"] * 2
    assert entries[1]["tokens"][1]["token"] == "<unk>"
    total = sum(token["log_prob"] for token in entries[0]["tokens"])
    assert entries[0]["log_prob"] == pytest.approx(total, abs=1e-3)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["bem=5"], "bem=5: this run has no such caption option; did you mean beam="),
        (["beam=many"], "beam='many': this caption option is of type int"),
        (["beam=3", "--beam", "2"], "give one of them"),
        (["contains=on"], "contains='on': this captioner never says 'on'"),
        (["temperature=1.0", "beam=2"], "beam=2 belongs to a search"),
        (["--format", "csv"], "--format csv belongs to --out"),
        (["--out", "x.csv", "--format", "xml"], "--format xml: choose"),
        (["--score", "a one", "beam=2"], "leave beam out"),
        (["--out", "x.csv", "beam=2", "num_captions=2"], "num_captions=2: a csv file has one caption a picture"),
        (["--out", "x.json", "--words"], "--words: a coco file has one caption a picture"),
    ],
)
def test_what_cannot_be_is_refused_by_name(words, reason, runs, tmp_path, capsys):
    folder = pictures(tmp_path / "pictures", 1)
    assert main(["caption", str(runs[0].path), str(folder), *words]) == 2
    assert reason in capsys.readouterr().err


def test_an_ensemble_captions_and_is_evaluated_beside_its_runs(runs, tmp_path, capsys):
    both = "+".join(run.run_id for run in runs)
    folder = pictures(tmp_path / "pictures", 3)
    assert main(["caption", both, str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == both
    assert main(["evaluate", both, "--num", "8", "beam=2", "length_power=0.5", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["evaluations"]
    protocol = result["protocol"]
    assert (protocol["run"], protocol["beam"], protocol["length_power"]) == (both, 2, 0.5)
    assert [member["run"] for member in protocol["members"]] == [run.run_id for run in runs]
    assert not list(runs[0].evaluations.glob("*"))
    with pytest.raises(UserError, match="an ensemble has each run once"):
        diptych.load(f"{runs[0].run_id}+{runs[0].run_id}")


def test_evaluations_without_options_have_the_protocol_they_always_had(runs, capsys):
    assert main(["evaluate", str(runs[1].path), "--num", "8", "--beam", "2", "--json"]) == 0
    protocol = json.loads(capsys.readouterr().out)["evaluations"][0]["protocol"]
    assert protocol["beam"] == 2
    assert not {"members", "sampling", "length_power", "captioning"} & protocol.keys()
    assert main(["evaluate", str(runs[1].path), "--num", "8", "num_captions=3", "beam=3"]) == 2
    assert "num_captions=3: an evaluation is of one caption" in capsys.readouterr().err
    assert main(["evaluate", str(runs[1].path), "--num", "8", "truncation=0.7"]) == 2
    assert "truncation=0.7" in capsys.readouterr().err


def test_paths_bytes_arrays_and_opened_pictures_are_taken_alike(runs, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 255, (28, 28, 3), dtype=np.uint8)
    file, exif = tmp_path / "turned.png", Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90).save(file, exif=exif)
    loaded = diptych.load(runs[0].path)
    with Image.open(file) as opened:
        given = [file, str(file), file.read_bytes(), opened, pixels]
        assert all((loaded.pixels_of(one) == loaded.pixels_of(pixels)).all() for one in given)
        assert len({caption.log_prob for caption in loaded.caption(given)}) == 1
    with pytest.raises(ValueError, match=r"an array of float64 .* give bytes"):
        loaded.caption([pixels / 255])
