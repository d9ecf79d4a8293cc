"""What people type once they have trained something: evaluate, generate, caption, report, and `diptych.load`."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import diptych
from diptych.cli.main import main
from diptych.config import UserError
from diptych.config.composition import compose
from diptych.runs.folder.layout import RunFolder
from diptych.runs.handles import ImageCaptioner, ImageGenerator
from diptych.runs.images.record import read_record
from diptych.runs.training import train

TINY = (
    "data=digits",
    "data.batch_size=16",
    "data.val_size=32",
    "budget_images=64",
    "validate_every_images=64",
    "tracking=csv",
    "trainer.threads=1",
    "callbacks.progress.quiet=true",
)
SENTENCE = "a handwritten seven"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def generator(outputs) -> RunFolder:
    overrides = ("model=mlp_gan", "text_encoder=gru", *TINY)
    return train(compose([*overrides, f"paths.outputs={outputs}"]))[0]


@pytest.fixture(scope="module")
def flow(outputs) -> RunFolder:
    small = (
        "denoiser.widths=[8,16]",
        "denoiser.attention_levels=1",
        "denoiser.head_dim=8",
        "system.validation_steps=2",
    )
    overrides = ("model=flow", "text_encoder=gru", "data.image_size=32", *small, *TINY)
    return train(compose([*overrides, f"paths.outputs={outputs}"]))[0]


@pytest.fixture(scope="module")
def captioner(outputs) -> RunFolder:
    overrides = ("model=cnn_rnn_attention", "image_encoder.num_halvings=2", *TINY)
    return train(compose([*overrides, f"paths.outputs={outputs}"]))[0]


@pytest.fixture(autouse=True)
def _outputs_are_here(outputs, monkeypatch):
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(outputs))


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "seven.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(path)
    return path


def size_of(path) -> tuple[int, int]:
    with Image.open(path) as opened:
        return opened.size


def test_load_says_what_a_run_is(generator, captioner):
    assert isinstance(diptych.load(generator.path), ImageGenerator)
    assert isinstance(diptych.load(captioner.run_id[:-2]), ImageCaptioner)


def test_a_generator_generates_the_same_again_whatever_else_is_asked(generator):
    loaded = diptych.load(generator.path)
    alone = loaded.generate([SENTENCE], num_images=2, seed=3)
    together = loaded.generate(["the digit two", SENTENCE], num_images=3, seed=3)
    assert len(alone) == 2
    assert len(together) == 6
    assert [p.tobytes() for p in alone] == [p.tobytes() for p in together[3:5]]
    other = loaded.generate([SENTENCE], seed=4)
    assert other[0].tobytes() != alone[0].tobytes()


def test_the_best_of_many_is_what_the_captioner_finds_likeliest(generator, captioner, tmp_path, capsys):
    command = ["generate", generator.run_id, SENTENCE, "--best-of", "5", "--by", captioner.run_id, "-n", "2"]
    assert main([*command, "--seed", "3", "--size", "56", "--out", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["best_of"], said["by"]) == (5, captioner.run_id)
    loaded, ranker = diptych.load(generator.path), diptych.load(captioner.path)
    pictures = loaded.generate([SENTENCE], num_images=5, seed=3)
    scores = ranker.own_sentence_scores(pictures, [[SENTENCE]] * 5)[:, 0]
    order = scores.argsort(descending=True).tolist()
    assert [image["number"] for image in said["images"]] == order[:2]
    assert said["images"][0]["scores"] == pytest.approx(scores[order].tolist(), abs=1e-3)
    told = diptych.record_of(said["images"][0]["file"])
    assert (told.best_of["of"], told.best_of["by"], told.best_of["score"]) == (
        5,
        captioner.run_id,
        said["images"][0]["score"],
    )
    (best,) = loaded.generate_best([SENTENCE], best_of=5, by=ranker, seed=3)
    assert best.tobytes() == pictures[order[0]].tobytes()
    with Image.open(said["images"][0]["file"]) as opened:
        assert np.array_equal(np.asarray(opened)[::2, ::2], np.asarray(best))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--best-of", "3"], "digits has no scenes for the judge: rank by a captioner's run"),
        (["--best-of", "3", "-n", "4"], "best_of=3: that is fewer than the 4 images"),
        (["--best-of", "3", "--edit", SENTENCE], "leave --edit"),
        (["--by", "latest"], "--by latest ranks for --best-of N"),
    ],
)
def test_what_cannot_be_ranked_is_said(generator, words, message, tmp_path, capsys):
    assert main(["generate", generator.run_id, SENTENCE, *words, "--out", str(tmp_path / "none")]) == 2
    assert message in capsys.readouterr().err


def test_size_enlarges_pictures(generator):
    loaded = diptych.load(generator.path)
    small, large = loaded.generate([SENTENCE]), loaded.generate([SENTENCE], size=2 * loaded.image_size)
    assert large[0].size == (2 * loaded.image_size,) * 2
    assert np.array_equal(np.asarray(large[0])[::2, ::2], np.asarray(small[0]))


def test_unknown_words_are_named_with_their_neighbours(generator):
    with pytest.raises(UserError, match=r"'sevn' \(did you mean seven"):
        diptych.load(generator.path).generate(["a handwritten sevn"])


def test_files_pictures_and_paths_are_told_alike(captioner, picture):
    loaded = diptych.load(captioner.path)
    with Image.open(picture) as opened:
        captions = loaded.caption([picture, str(picture), opened.copy()], beam=2)
    assert len({caption.text for caption in captions[:2]}) == 1
    assert captions[0].attention.shape[0] == len(captions[0].words)


def test_python_has_words_scores_and_penalties_for_a_phone_s_photograph_in_any_form(captioner, tmp_path):
    loaded, file = diptych.load(captioner.path), tmp_path / "phone.png"
    turned, pixels = Image.Exif(), np.random.default_rng(1).integers(0, 255, (28, 28, 3), dtype=np.uint8)
    turned[0x0112] = 6
    Image.fromarray(np.rot90(pixels).copy()).save(file, exif=turned)  # what the camera saw, and how it was held
    with Image.open(file) as opened:
        forms = [file, file.read_bytes(), io.BytesIO(file.read_bytes()), opened, pixels]
        captions = loaded.caption(forms, repetition_penalty=1.5)
    assert {(one.text, one.probabilities) for one in captions} == {(captions[0].text, captions[0].probabilities)}
    assert len(captions[0].words) == len(captions[0].probabilities)
    ((score,), (other,)) = loaded.scores([file, pixels], [SENTENCE])
    assert score.log_prob == pytest.approx(sum(score.log_probs))
    assert score.log_prob == pytest.approx(other.log_prob)


def test_generate_writes_pictures_and_a_grid(generator, tmp_path, capsys):
    assert main(["generate", str(generator.path), SENTENCE, "-n", "3", "--grid", "--out", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said["images"]) == 3
    assert len(list(tmp_path.glob("a-handwritten-seven-????????-seed0-?.png"))) == 3
    assert size_of(said["grid"])[0] > 3 * diptych.load(generator.path).image_size


def test_every_picture_has_a_file_of_its_own_and_no_file_is_lost(generator, tmp_path, capsys):
    sentences = ["🙂", "❤", "?", "a seven", "A seven", "a-seven", "seven " * 5 + "a", "seven " * 5 + "the", "七", "à"]

    def files(*words):
        assert main(["generate", str(generator.path), *words, "--allow-unknown", "--out", str(tmp_path), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        return [Path(image["file"]) for image in told["images"]] + [Path(told["grid"])]

    first = files(*sentences, sentences[0], "-n", "2", "--grid")
    assert len({file.name.casefold() for file in first}) == 2 * len(sentences) + 3
    kept = {file: file.read_bytes() for file in first}
    assert files(*sentences, sentences[0], "-n", "2", "--grid") == first
    others = [files(*sentences, "-n", "2", "--grid", *more) for more in (["truncation=0.5"], ["--size", "56"])]
    others.append(files(*sentences, "-n", "1", "--grid", "--seed", "1"))
    assert not {file for call in others for file in call} & kept.keys()
    assert {file: file.read_bytes() for file in first} == kept
    assert len(list(tmp_path.iterdir())) == len(kept) + sum(map(len, others))


def test_a_file_of_somebody_else_is_never_replaced(generator, tmp_path, capsys):
    asked = ["generate", str(generator.path), SENTENCE, "-n", "1", "--out", str(tmp_path)]
    assert main(asked) == 0
    (file,) = tmp_path.iterdir()
    Image.new("RGB", (28, 28), "red").save(file)
    mine = file.read_bytes()
    assert main(asked) == 0
    assert file.read_bytes() == mine
    assert len(list(tmp_path.iterdir())) == 2


def test_attention_sheets_of_pictures_of_one_name_are_all_kept(captioner, tmp_path, capsys):
    for name, colour in (("a", "red"), ("b", "blue")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (30, 30), colour).save(tmp_path / name / "same.png")
    for words in (["a/same.png"], ["b/same.png"], ["a/same.png", "b/same.png", "--beam", "2"]):
        paths = [str(tmp_path / word) if word.endswith("png") else word for word in words]
        assert main(["caption", str(captioner.path), *paths, "--attention", "--out", str(tmp_path / "out" / "c")]) == 0
    assert len(list((tmp_path / "out").glob("same-*.png"))) == 4


def test_generate_refuses_unknown_words_unless_allowed(generator, tmp_path, capsys):
    asked = ["generate", str(generator.path), "a purple dog", "-n", "1", "--out", str(tmp_path)]
    assert main(asked) == 2
    message = capsys.readouterr().err
    assert "'purple'" in message
    assert "--allow-unknown" in message
    assert "Traceback" not in message
    assert main([*asked, "--allow-unknown"]) == 0


def test_a_generator_without_sentences_is_asked_for_none(outputs, tmp_path, capsys):
    run, _ = train(compose(["model=mlp_gan", *TINY, f"paths.outputs={outputs}"]))
    assert main(["generate", str(run.path), "-n", "2", "--out", str(tmp_path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["images"]) == 2
    assert main(["generate", str(run.path), SENTENCE]) == 2
    assert "without sentences" in capsys.readouterr().err
    assert main(["evaluate", str(run.path), "--num", "8", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["evaluations"]
    assert "no sentences" in result["figures"][0]["note"]


def test_caption_names_what_it_cannot_read_and_goes_on(captioner, picture, tmp_path, capsys):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    lines = tmp_path / "told" / "captions.jsonl"
    code = main(["caption", str(captioner.path), str(tmp_path), "--attention", "--out", str(lines), "--json"])
    said = capsys.readouterr()
    assert code == 1
    assert "broken.png" in said.err
    assert "28 x 28" in said.err
    content = json.loads(said.out)
    assert content["skipped"] == [str(broken)]
    (entry,) = [json.loads(line) for line in lines.read_text().splitlines()]
    assert entry == content["captions"][0]
    assert size_of(entry["attention"])[1] > 28


def coco(sentences: list[str]) -> str:
    images = [{"id": 40 + i, "file_name": f"{i}.png"} for i in range(len(sentences))]
    annotations = [{"id": i, "image_id": 40 + i, "caption": text} for i, text in enumerate(sentences)]
    return json.dumps({"images": images, "annotations": annotations})


@pytest.mark.parametrize("captions", ["metadata.jsonl", "metadata.csv", "annotations/captions_val.json"])
@pytest.mark.parametrize("out", ["told.jsonl", "told.json", "told"])
def test_captions_of_a_folder_are_scored_against_its_own_captions(captions, out, captioner, tmp_path, capsys):
    sentences = [f"picture number {i}" for i in range(4)]
    for i in range(4):
        Image.new("RGB", (30, 20), (60 * i, 0, 0)).save(tmp_path / f"{i}.png")
    text = {
        "metadata.jsonl": "".join(
            json.dumps({"file_name": f"{i}.png", "text": t}) + "\n" for i, t in enumerate(sentences)
        ),
        "metadata.csv": "file_name,text\n" + "".join(f"{i}.png,{t}\n" for i, t in enumerate(sentences)),
        "annotations/captions_val.json": coco(sentences),
    }[captions]
    (tmp_path / "annotations").mkdir()
    (tmp_path / captions).write_text(text)
    told = tmp_path.parent / f"{tmp_path.name}-{out}"
    assert main(["caption", str(captioner.path), str(tmp_path), "--out", str(told)]) == 0
    capsys.readouterr()
    assert main(["score", str(told), str(tmp_path / captions), "--no-java", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["protocol"]["pictures"] == 4
    is_coco = told.suffix == ".json"
    entries = json.loads(told.read_text()) if is_coco else map(json.loads, told.read_text().splitlines())
    names = [f"{i}.png" if is_coco else None for i in range(4)]
    assert [entry.get("image_id") for entry in entries] == (
        [40, 41, 42, 43] if captions.endswith("val.json") else names
    )


def test_a_run_that_cannot_generate_says_so(captioner, capsys):
    assert main(["generate", str(captioner.path), SENTENCE]) == 2
    assert "cannot generate" in capsys.readouterr().err


def test_evaluate_keeps_every_result_and_closes_the_loop(generator, captioner, capsys):
    asked = ["evaluate", str(generator.path), "--with", str(captioner.path), "--num", "16", "--json"]
    assert main(asked) == 0
    first = json.loads(capsys.readouterr().out)["evaluations"]
    assert main([*asked, "--seed", "1"]) == 0
    assert [e["kind"] for e in first] == ["generation", "cycle", "retrieval"]
    assert {p.name for p in generator.evaluations.glob("*.json")} == {
        f"best-digits-test-{seed}-{kind}.json"
        for seed in (0, 1)
        for kind in ("generation", f"cycle-with-{captioner.run_id}", f"retrieval-with-{captioner.run_id}")
    }
    protocol = first[0]["protocol"]
    assert (protocol["num"], protocol["images_seen"], protocol["checkpoint"]) == (16, 64, "best")
    assert protocol["config_digest"] == generator.digest
    assert first[1]["protocol"]["with"]["config_digest"] == captioner.digest
    assert protocol["versions"]["torch"]


def test_evaluate_measures_a_captioner_on_other_data(captioner, capsys):
    assert main(["evaluate", str(captioner.path), "--data", "scenes_demo", "--num", "8", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["evaluations"]
    (result,) = [one for one in found if one["kind"] == "captioning"]
    assert result["protocol"]["data"] == "scenes_demo"
    assert result["figures"][0]["value"] == 0


def test_evaluate_measures_on_a_folder_of_one_s_own(captioner, tmp_path, capsys):
    with (tmp_path / "metadata.jsonl").open("w") as lines:
        for i in range(12):
            Image.new("RGB", (30, 20), (20 * i, 0, 0)).save(tmp_path / f"{i}.png")
            lines.write(json.dumps({"file_name": f"{i}.png", "text": "a red picture"}) + "\n")
    share, root = "data.test_share=0.5", f"data.root={tmp_path}"
    written = []
    for words in (["--data", str(tmp_path), share], ["--data", "folder", root, share], ["--data", "folder", root]):
        code = main(["evaluate", str(captioner.path), *words, "--num", "4", "--json"])
        written.append((code, capsys.readouterr()))
    first, second = (json.loads(said.out)["evaluations"][0] for _, said in written[:2])
    assert (first["protocol"]["data"], first["protocol"]["overrides"]) == ("folder", [root, share])
    assert first == second
    assert [path.name for path in captioner.evaluations.glob("*-folder-*.json")] == [
        "best-folder-test-0-captioning.json"
    ]
    assert written[2][0] == 2
    assert "fewer than 2 examples" in written[2][1].err


@pytest.mark.parametrize("command", ["evaluate", "caption"])
def test_a_search_that_keeps_nothing_is_refused_before_anything_is_loaded(command, picture, capsys):
    assert main([command, "no-such-run", *([str(picture)] if command == "caption" else []), "--beam", "0"]) == 2
    assert "beam=0" in capsys.readouterr().err


def test_caption_looks_at_the_files_before_it_loads_a_model(tmp_path, capsys):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    assert main(["caption", "no-such-run", str(tmp_path)]) == 2
    assert "nothing here decodes as a picture" in capsys.readouterr().err


def test_report_is_one_file_with_curves_samples_and_evaluations(generator, capsys):
    assert main(["evaluate", str(generator.path), "--num", "8", "--split", "val"]) == 0
    assert main(["report", str(generator.path)]) == 0
    document = generator.report.read_text(encoding="utf-8")
    for part in (
        "Generation",
        "losses (training)",
        "Samples on the way",
        "budget_images: 64",
        "<svg",
    ):
        assert part in document


def test_importing_diptych_imports_nothing_heavy():
    code = "import sys, diptych; print('torch' in sys.modules, diptych.__version__)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split()[0] == "False"


def test_a_flow_edits_a_picture_of_ones_own(flow, picture, tmp_path, capsys):
    command = ["generate", flow.run_id, SENTENCE, "--invert", str(picture), "--edit", "the digit two", "--size", "64"]
    assert main([*command, "steps=5", "--out", str(tmp_path / "edits"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    again, edited = answer["images"]
    assert (again["sentence"], edited["sentence"]) == (SENTENCE, "the digit two")
    assert size_of(again["file"]) == (64, 64)
    record = read_record(Path(edited["file"]))
    assert {name: record[name] for name in ("sentence", "shows", "seed")} == {
        "sentence": "the digit two",
        "shows": SENTENCE,
        "seed": 0,
    }
    assert record["options"]["solver"] == "ddim"
    assert size_of(answer["grid"])[1] > 3 * 64  # the picture, made again, edited
    assert main([*command, "steps=5", "--out", str(tmp_path / "edits"), "--json"]) == 0  # the same request again
    assert json.loads(capsys.readouterr().out)["images"] == answer["images"]
    assert main([*command, "steps=5", "--seed", "1", "--out", str(tmp_path / "edits"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"][0]["file"] != again["file"]
    in_python = diptych.load(flow.path).edit_picture(picture, SENTENCE, ["the digit two"], steps=5, size=64)
    with Image.open(edited["file"]) as opened:
        assert in_python[1].tobytes() == opened.tobytes()


@pytest.mark.parametrize(
    ("words", "flags", "reason"),
    [
        ([], ["-n", "2"], "leave -n out"),
        ([], ["--walk"], "--invert and --walk do not go together"),
        (["the digit two"], [], "wants one sentence, what the picture shows"),
        (["solver=heun"], [], "solver=heun: the way back from an image is that of ddim"),
        (["steps=2"], [], "steps=2: the way back from an image takes 4 steps or more"),
        ([], ["--edit", "a purple cow"], "this run never saw"),
    ],
)
def test_what_an_inversion_cannot_do_is_said(flow, picture, words, flags, reason, capsys):
    assert main(["generate", flow.run_id, SENTENCE, *words, "--invert", str(picture), *flags]) == 2
    assert reason in capsys.readouterr().err


def test_only_what_goes_back_inverts(generator, flow, picture, tmp_path, capsys):
    assert main(["generate", generator.run_id, SENTENCE, "--invert", str(picture)]) == 2
    assert "does not go back from a picture to its noise; a flow does" in capsys.readouterr().err
    assert main(["generate", flow.run_id, "--invert", str(picture)]) == 2
    assert "say that in a sentence" in capsys.readouterr().err
    assert main(["generate", flow.run_id, SENTENCE, "--invert", str(tmp_path / "nothing.png")]) == 2
    assert "there is no readable picture" in capsys.readouterr().err
