"""Controls of generation as people type them, and every command and block of docs/generation.md."""

import json
import re
import shlex
from pathlib import Path

import documented
import numpy as np
import pytest
import torch
from PIL import Image

import diptych
from diptych.cli.main import main
from diptych.config import UserError
from diptych.config.composition import compose
from diptych.runs.folder.layout import RunFolder
from diptych.runs.images.record import read_record, record_of, save_png
from diptych.runs.training import train

TINY = ("data.batch_size=16", "data.val_size=32", "data.test_size=32", "budget_images=64", "validate_every_images=64")
QUIET = ("tracking=csv", "trainer.threads=1", "callbacks.progress.quiet=true")
SEVEN, NINE = "a handwritten seven", "a handwritten nine"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def run(outputs) -> RunFolder:
    overrides = ("model=mlp_gan", "text_encoder=gru", "data=digits", *TINY, *QUIET)
    return train(compose([*overrides, f"paths.outputs={outputs}"]))[0]


@pytest.fixture
def generate(run, tmp_path, capsys):
    """`generate(word, …)`: what the command says as JSON; its files are in a folder of the test."""

    def typed(*words: str):
        assert main(["generate", str(run.path), *words, "--out", str(tmp_path / "made"), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return typed


def pixels(file) -> np.ndarray:
    with Image.open(file) as picture:
        return np.asarray(picture)


def test_options_stand_in_the_record_and_in_the_json(generate):
    said = generate(SEVEN, "-n", "1", "guidance_scale=2", "truncation=0.5")
    assert said["options"] == {"guidance_scale": 2, "truncation": 0.5}
    record = read_record(said["images"][0]["file"])
    assert record["options"] == {"truncation": 0.5, "guidance_scale": 2.0, "style_mixing": None}
    assert "finish" not in record


def test_an_edit_keeps_the_noise(generate, run):
    said = generate(SEVEN, "--edit", NINE, "-n", "2")
    assert [image.get("edit_of") for image in said["images"]] == [None, None, SEVEN, SEVEN]
    by_hand = diptych.load(run.path).generate([NINE], num_images=2, noise_keys=[SEVEN])
    for image, expected in zip(said["images"][2:], by_hand, strict=True):
        assert np.abs(pixels(image["file"]).astype(int) - np.asarray(expected).astype(int)).max() <= 1
        assert read_record(image["file"])["noise_key"] == SEVEN
    with Image.open(said["grid"]) as sheet:
        assert sheet.width < sheet.height  # two columns, two rows with captions


def test_every_picture_knows_how_it_was_made(run):
    loaded = diptych.load(run.path)
    pictures = loaded.generate([SEVEN, NINE], num_images=2, seed=[5, 6], truncation=0.5)
    told = [record_of(picture) for picture in pictures]
    assert [(one.sentence, one.noise_key, one.seed, one.index) for one in told] == [
        (SEVEN, SEVEN, 5, 0),
        (SEVEN, SEVEN, 5, 1),
        (NINE, NINE, 6, 0),
        (NINE, NINE, 6, 1),
    ]
    assert {(one.run, one.checkpoint, one.options["truncation"]) for one in told} == {(run.run_id, loaded.digest, 0.5)}
    assert [one.batch for one in told] == [(0, 4), (1, 4), (2, 4), (3, 4)]


def test_many_sentences_and_seeds_in_one_batch_give_what_each_alone_gives(run):
    loaded, seeds = diptych.load(run.path), [11, 12, 13, 14]
    sentences = [SEVEN, NINE, "the digit two", SEVEN]
    together = loaded.generate(sentences, seed=seeds)
    for sentence, seed, picture in zip(sentences, seeds, together, strict=True):
        (alone,) = loaded.generate([sentence], seed=seed)
        assert np.abs(np.asarray(alone).astype(int) - np.asarray(picture).astype(int)).max() <= 1
    each = loaded.generate([SEVEN], num_images=2, seed=[11, 14])
    assert [record_of(picture).index for picture in each] == [0, 0]
    assert np.array_equal(np.asarray(each[1]), np.asarray(loaded.generate([SEVEN], num_images=2, seed=[14, 14])[0]))


def test_random_seeds_are_told_and_give_the_same_again(run, generate):
    loaded = diptych.load(run.path)
    first, second = loaded.generate([SEVEN], num_images=2, seed=None)
    told = record_of(second)
    assert told.seed != record_of(first).seed
    (again,) = loaded.generate([SEVEN], seed=told.seed)
    assert np.abs(np.asarray(again).astype(int) - np.asarray(second).astype(int)).max() <= 1
    said = generate(SEVEN, "--edit", NINE, "-n", "2", "--seed", "random")["images"]
    assert [image["seed"] for image in said[:2]] == [image["seed"] for image in said[2:]]
    assert said[0]["seed"] != said[1]["seed"]


def test_noise_survives_another_sentence(run):
    loaded = diptych.load(run.path)
    (seven,), (nine,) = loaded.generate([SEVEN], noise="n"), loaded.generate([NINE], noise="n")
    moved = np.asarray(loaded.generate([NINE])[0]).astype(int) - np.asarray(seven).astype(int)
    kept = np.asarray(nine).astype(int) - np.asarray(seven).astype(int)
    assert np.abs(kept).mean() < np.abs(moved).mean()
    latents = torch.randn(1, loaded.system.generator.latent_dim)
    pictures = loaded.generate([SEVEN, NINE], noise=latents)
    assert record_of(pictures[0]).latents == record_of(pictures[1]).latents != ""
    assert np.array_equal(np.asarray(pictures[0]), np.asarray(loaded.generate([SEVEN, NINE], noise=latents, seed=9)[0]))
    with pytest.raises(UserError, match="give one of them"):
        loaded.generate([SEVEN], noise="n", noise_keys=["m"])
    with pytest.raises(ValueError, match="latents of an image of this run are"):
        loaded.generate([SEVEN], noise=torch.zeros(1, 3))


def test_a_picture_is_made_again_bit_for_bit_by_the_run_that_is_found(
    run, outputs, generate, like, tmp_path, monkeypatch
):
    said = generate(SEVEN, "-n", "3", "--seed", "4", "truncation=0.5", "--size", "56")["images"]
    kept = {image["file"]: Path(image["file"]).read_bytes() for image in said}
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(outputs))
    for image in said:
        for words in ([], [run.run_id]):
            answer = like(image["file"], *words, out=tmp_path / "again")
            (again,) = answer["images"]
            assert (answer["run"], again["seed"], again["number"]) == (run.run_id, 4, image["number"])
            assert Path(again["file"]).name == Path(image["file"]).name
            assert Path(again["file"]).read_bytes() == kept[image["file"]]


def test_another_sentence_keeps_noise_seed_and_options(run, outputs, generate, like, tmp_path, monkeypatch):
    (image,) = generate(SEVEN, "-n", "1", "--seed", "4", "truncation=0.5")["images"]
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(outputs))
    (nine,) = like(image["file"], NINE, out=tmp_path / "other")["images"]
    expected = diptych.load(run.path).generate([NINE], seed=4, noise=SEVEN, truncation=0.5)
    assert np.array_equal(pixels(nine["file"]), np.asarray(expected[0]))
    told = record_of(nine["file"])
    assert (told.sentence, told.noise_key, told.seed, told.options["truncation"]) == (NINE, SEVEN, 4, 0.5)
    (larger,) = like(image["file"], "truncation=1", "--size", "56", out=tmp_path / "other")["images"]
    assert (record_of(larger["file"]).options["truncation"], pixels(larger["file"]).shape[0]) == (1, 56)


@pytest.fixture
def like(capsys):
    """`like(file, word, …, out=folder)`: what the command says as JSON."""

    def typed(file, *words: str, out):
        assert main(["generate", *words, "--like", str(file), "--out", str(out), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return typed


@pytest.mark.parametrize(
    ("change", "words", "message"),
    [
        ({"checkpoint": "f" * 64}, [], "no checkpoint in .* has the image's weights"),
        (
            {"checkpoint": "f" * 64, "run": "x-123456"},
            [],
            r"no run in .*\(ffffffff, of x-123456\): name the run's folder",
        ),
        ({"checkpoint": "f" * 64}, ["latest"], "no checkpoint of latest has"),
        ({"latents": "0123"}, [], "no record holds: give them as noise="),
        ({"options": {"steps": 3}}, [], "steps=3: this run has no such sampling option"),
        ({"finish": {"blur": 3}}, [], "finish .*: this cannot be done"),
        ({"version": 99}, [], "take a newer one"),
        ({}, ["-n", "3"], "--like does not go together with -n"),
        ({}, ["--seed", "3"], "the seed is the picture's"),
        ({}, ["--walk", NINE], "--like does not go together with --walk"),
    ],
)
def test_a_picture_that_cannot_be_made_again_is_one_message(
    run, outputs, generate, tmp_path, monkeypatch, capsys, change, words, message
):
    (image,) = generate(SEVEN, "-n", "1")["images"]
    picture = Image.open(image["file"])
    picture.info["diptych"] = json.dumps({**json.loads(picture.info["diptych"]), **change})
    save_png(picture, tmp_path / "changed.png")
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(outputs))
    assert main(["generate", *words, "--like", str(tmp_path / "changed.png"), "--out", str(tmp_path / "none")]) == 2
    said = capsys.readouterr().err
    assert re.search(message, said)
    assert "Traceback" not in said
    assert not (tmp_path / "none").exists()


def test_the_ends_of_a_walk_are_the_plain_images_bit_for_bit(generate, run):
    (walk,) = generate(SEVEN, NINE, "--walk", "--frames", "5")["walks"]
    strip, side = pixels(walk["strip"]), diptych.load(run.path).image_size
    assert walk["frames"] == 5
    assert strip.shape[:2] == (side, 5 * side)
    loaded = diptych.load(run.path)
    (first,), (last,) = loaded.generate([SEVEN]), loaded.generate([NINE], noise_keys=[SEVEN])
    assert np.array_equal(strip[:, :side], np.asarray(first))
    assert np.array_equal(strip[:, -side:], np.asarray(last))
    with Image.open(walk["gif"]) as gif:
        assert gif.n_frames <= 8  # there and back; frames that are alike become one
        assert np.array_equal(np.asarray(gif.convert("L")), np.asarray(first))
    assert read_record(walk["gif"])["stops"] == [[SEVEN, SEVEN, 0], [NINE, SEVEN, 0]]


def test_walks_through_noise_and_both_end_at_plain_images(generate, run):
    loaded, side = diptych.load(run.path), diptych.load(run.path).image_size
    (noise,) = generate(SEVEN, "--walk-noise", "--frames", "3", "-n", "3")["walks"]
    numbers = [np.asarray(loaded.walk([SEVEN], numbers=[number, 0], frames=2)[0]) for number in range(3)]
    for stop, expected in zip((0, 2, 4), numbers, strict=True):
        assert np.array_equal(pixels(noise["strip"])[:, stop * side : (stop + 1) * side], expected)
    both = generate(SEVEN, NINE, "--walk", "--walk-noise", "--frames", "3", "-n", "2")["walks"]
    assert len(both) == 2
    assert np.array_equal(pixels(both[0]["strip"])[:, -side:], np.asarray(loaded.generate([NINE])[0]))


def test_the_same_request_writes_the_same_files_again(generate, tmp_path):
    asked = [(SEVEN, NINE, "--walk", "--frames", "3"), (SEVEN, "--edit", NINE, "-n", "1", "--crop", "20x20")]
    first = [generate(*words) for words in asked]
    kept = {file.name: file.read_bytes() for file in (tmp_path / "made").iterdir()}
    assert [generate(*words) for words in asked] == first
    assert {file.name: file.read_bytes() for file in (tmp_path / "made").iterdir()} == kept


def test_what_is_done_afterwards_is_recorded(generate):
    said = generate(SEVEN, "-n", "1", "--crop", "20x10", "--size", "40", "--contrast", "1.5")
    finish = {"crop": [20, 10], "size": 40, "contrast": 1.5}
    assert said["finish"] == finish == read_record(said["images"][0]["file"])["finish"]
    assert pixels(said["images"][0]["file"]).shape[:2] == (20, 40)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((SEVEN, "truncation=-1"), "truncation=-1 must be positive"),
        ((SEVEN, "guidance_scale=.nan"), "guidance_scale=nan"),
        ((SEVEN, "style_mixing=1"), "style_mixing=1: generator MLPGenerator has no styles"),
        ((SEVEN, "--walk"), "write two, or --walk-noise"),
        ((SEVEN, "--walk-noise", "-n", "1"), "-n 1: --walk-noise goes from noise to noise"),
        ((SEVEN, NINE, "--walk", "-n", "0"), "-n 0"),
        ((SEVEN, NINE, "--walk", "--frames", "1"), "frames=1"),
        ((SEVEN, "--frames", "4"), "--frames belongs to --walk"),
        ((SEVEN, NINE, "--walk", "--edit", NINE), "do not go together"),
        (("--edit", NINE), "--edit needs a sentence"),
        ((SEVEN, "--crop", "29x4"), "crop=29x4: the images have 28 x 28 pixels"),
        ((SEVEN, "--crop", "29"), "--crop 29: write width and height"),
        ((SEVEN, "--sharpen", "nan"), "sharpen=nan"),
        ((SEVEN, "--resample", "lanczos"), "--resample belongs to --size"),
        ((SEVEN, "--edit", "a handwritten nien"), "'nien' (did you mean nine"),
    ],
)
def test_what_makes_no_sense_is_one_message_and_no_file(run, tmp_path, capsys, words, message):
    assert main(["generate", str(run.path), *words, "--out", str(tmp_path / "made")]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not (tmp_path / "made").exists()


def test_an_evaluation_with_options_records_them_and_none_of_the_finish(run, capsys):
    assert main(["evaluate", str(run.path), "guidance_scale=1.5", "--num", "8", "--no-skills", "--json"]) == 0
    (evaluation,) = json.loads(capsys.readouterr().out)["evaluations"][:1]
    sampling = {"truncation": None, "guidance_scale": 1.5, "style_mixing": None}
    assert evaluation["protocol"]["sampling"] == sampling
    assert main(["evaluate", str(run.path), "style_mixing=1", "--num", "8"]) == 2
    assert "has no styles" in capsys.readouterr().err


@pytest.mark.slow
def test_everything_on_the_page_can_be_typed(repository, tmp_path, monkeypatch, capsys):
    page = repository / "docs" / "generation.md"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path / "outputs"))
    for command in documented.commands(page):
        name, *words = shlex.split(command)[1:]
        small = (*TINY, *QUIET) if name == "train" else ()
        assert main([name, *words, *small]) == 0, command
    names: dict = {}
    for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(page), "exec"), names)
    assert [len(row) for row in names["pairs"]] == [4, 4]
    assert (len(names["frames"]), len(names["noises"])) == (12, 31)
