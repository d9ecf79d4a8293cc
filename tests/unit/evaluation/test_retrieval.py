"""Embeddings whose vectors are known beforehand, and a real one through the command line and in Python."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from contexts import context_of, generator_of, run_of
from PIL import Image

import diptych
from diptych.cli.main import main
from diptych.config.composition import compose
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.evaluation.retrieval.embedding import EmbeddingRetrieval
from diptych.evaluation.retrieval.generated import RPrecision
from diptych.evaluation.retrieval.ranking import NUM_DISTRACTORS, drawn
from diptych.runs.capabilities import EmbedsPairs
from diptych.runs.handles import PairEmbedder
from diptych.runs.training import train
from diptych.systems.embedding.truth import true_pairs
from diptych.world import canonical, meaning

NUM = 60


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return take_held_out(compose(["data=scenes_small"]), data=None, split="test", num=NUM, spare=NUM)


@pytest.fixture(scope="module")
def digits() -> HeldOut:
    return take_held_out(compose(["data=digits"]), data=None, split="test", num=NUM)


def one_hot(things: list[str], places: dict[str, int]) -> torch.Tensor:
    return torch.eye(100)[[places.setdefault(thing, len(places)) for thing in things]]


def oracle(held_out: HeldOut, wrong: bool = False) -> SimpleNamespace:
    """Knows what a picture or a sentence of the world is of, or takes it for another."""
    places: dict[str, int] = {}
    by_picture = {image.numpy().tobytes(): i for i, image in enumerate(held_out.images)}
    scenes = held_out.true_scenes()

    def image_vectors(pictures):
        found = [by_picture[picture.numpy().tobytes()] for picture in pictures]
        vectors = one_hot([" ".join(canonical(scenes[i])) for i in found], places)
        return vectors.roll(1, 1) if wrong else vectors

    def sentence_vectors(sentences):
        claims = [meaning(sentence, held_out.spec.languages) for sentence in sentences]
        of = [next(scene for scene in scenes if claim.entailed_by(scene)) for claim in claims]
        return one_hot([" ".join(canonical(scene)) for scene in of], places)

    return run_of(image_vectors=image_vectors, sentence_vectors=sentence_vectors, unknown_words=lambda sentences: ())


def blind() -> SimpleNamespace:
    """Finds everything alike."""
    same = lambda things: torch.ones(len(things), 3)  # noqa: E731
    return run_of(image_vectors=same, sentence_vectors=same, unknown_words=lambda sentences: ("qua", "quo"))


def values(evaluation) -> dict[str, float | None]:
    return {figure.key: figure.value for figure in evaluation.figures}


def test_whoever_knows_what_pictures_show_finds_them_all(held_out):
    evaluation = EmbeddingRetrieval().measure(context_of(oracle(held_out), held_out))
    assert set(values(evaluation).values()) == {1.0}
    assert [figure.key for figure in evaluation.mains] == ["text_to_image_recall_at_1", "image_to_text_recall_at_1"]
    assert not any(example.failed for example in evaluation.examples)
    assert {figure.n for figure in evaluation.figures} == {NUM}


def test_whoever_finds_everything_alike_or_takes_things_for_others_is_never_right(held_out):
    for embedder in (blind(), oracle(held_out, wrong=True)):
        evaluation = EmbeddingRetrieval().measure(context_of(embedder, held_out))
        figures = values(evaluation)
        assert figures["text_to_image_recall_at_1"] == figures["r_precision"] == 0


def test_chance_knows_how_many_pictures_a_sentence_is_true_of(held_out):
    evaluation = EmbeddingRetrieval().measure(context_of(blind(), held_out))
    true = true_pairs(held_out.spec, held_out.sentences, held_out.references, held_out.scenes)
    figure = evaluation.figure("text_to_image_recall_at_1")
    assert figure.chance == pytest.approx(float(true.double().mean()))
    assert figure.chance < evaluation.figure("text_to_image_recall_at_10").chance < 1


def test_without_a_world_what_is_said_of_a_picture_is_true_of_it(digits):
    true = true_pairs(digits.spec, digits.sentences, digits.references, digits.scenes)
    assert true.diagonal().all()
    same = [[one in other for one in digits.sentences] for other in map(list, digits.references)]
    assert true.tolist() == same
    assert NUM < int(true.sum()) < NUM**2


def test_distractors_are_wrong_differ_and_do_not_depend_on_the_run(held_out):
    true = true_pairs(held_out.spec, held_out.sentences, held_out.references, held_out.scenes)
    distractors = drawn(true, held_out.sentences, 0)
    assert not (distractors & true).any()
    assert torch.equal(distractors, drawn(true, held_out.sentences, 0))
    for row in distractors:
        chosen = [held_out.sentences[j] for j in row.nonzero()[:, 0].tolist()]
        assert 0 < len(chosen) == len(set(chosen)) <= NUM_DISTRACTORS


def measured(held_out: HeldOut, embedder: SimpleNamespace, shift: int = 0, parts: Path = Path("nowhere")):
    """R-precision of a generator of the picture of its sentence, or of another one's."""
    generator = generator_of(lambda sentence: held_out.images[:1])
    generator.run.parts = parts
    context = context_of(generator, held_out, embedder)
    vars(context).update(generated=SimpleNamespace(images=held_out.images.roll(shift, 0)))
    return RPrecision().measure(context)


def test_r_precision_of_generated_images_beside_that_of_real_ones(held_out):
    right, wrong = (measured(held_out, oracle(held_out), shift).figure("r_precision") for shift in (0, 1))
    assert (right.value, right.reference) == (1, 1)
    assert wrong.value < 0.5
    assert wrong.reference == 1
    assert right.chance == pytest.approx(1 / 40, abs=0.02)
    assert right.interval is not None


def test_an_embedding_that_lacks_words_or_taught_the_generator_is_said_aloud(held_out, tmp_path):
    apart = measured(held_out, blind(), parts=tmp_path)
    (tmp_path / "embedding.json").write_text(json.dumps({"run": "some-run"}))
    taught = measured(held_out, blind(), parts=tmp_path)
    assert apart.alert.startswith("unknown words: the embedding never saw 2 of them (qua, quo)")
    assert taught.alert.startswith("trained on it: some-run was part of the generator's training")
    assert taught.alert.endswith(apart.alert)
    assert measured(held_out, oracle(held_out)).alert == ""


def test_a_generator_without_sentences_is_refused(held_out):
    silent = generator_of(lambda sentence: held_out.images[:1], takes_sentences=False)
    context = context_of(silent, held_out, blind())
    assert RPrecision().applies(context)
    assert "generates without sentences" in RPrecision().refusal(context)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    outputs = tmp_path_factory.mktemp("outputs")
    sizes = ["data.batch_size=16", "data.val_size=32", "image_encoder.pooled_dim=4", "budget_images=64"]
    common = ["tracking=none", "trainer.threads=1", "callbacks.progress.quiet=true", f"paths.outputs={outputs}"]
    return train(compose(["model=embedding", "data=digits", "validate_every_images=64", *sizes, *common]))[0]


def test_a_run_embeds_in_python(trained):
    loaded = diptych.load(trained.path)
    assert isinstance(loaded, PairEmbedder)
    assert isinstance(loaded, EmbedsPairs)
    cosines = loaded.similarities([Image.new("RGB", (40, 30), "white"), torch.zeros(1, 28, 28)], ["a three", "a four"])
    assert cosines.shape == (2, 2)
    assert cosines.abs().max() <= 1 + 1e-5
    assert loaded.unknown_words(["a zebra"])[-1:] == ("zebra",)


def test_a_run_is_evaluated_and_shows_what_it_found(trained, capsys):
    assert main(["evaluate", str(trained.path), "--num", "20", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["evaluations"]
    assert result["kind"] == "embedding"
    assert [figure["key"] for figure in result["figures"]][-1] == "r_precision"
    assert list(trained.samples.glob("captions-*.png"))
    assert main(["report", str(trained.path)]) == 0
    assert "retrieval" in (trained.path / "report.html").read_text(encoding="utf-8")


def test_a_folder_is_searched_by_sentence_and_by_picture(trained, tmp_path, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, colour in (("dark", 20), ("bright", 230)):
        Image.new("L", (40, 30), colour).save(folder / f"{name}.png")
    command = ["search", str(trained.path), str(folder)]
    assert main([*command, "--index", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["read"] == 2
    sheet = tmp_path / "found.png"
    like = ["--like", str(folder / "dark.png"), "--num", "1", "--sheet", str(sheet)]
    assert main([*command, "a three", *like, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["pictures"], said["read"], said["gone"], said["unreadable"]) == (2, 0, 0, [])
    sentence, picture = said["queries"]
    assert sentence["query"] == "a three"
    assert picture["results"] == [{"file": "dark.png", "score": pytest.approx(1, abs=1e-3)}]
    with Image.open(sheet) as found:
        assert found.width > 90
    for wrong in ([], ["a three", "--index"], ["a three", "--saying", "x"], ["a three", "--num", "0"]):
        assert main([*command, *wrong]) == 2


def test_the_page_on_evaluation_names_every_figure(held_out, repository):
    page = (repository / "docs" / "evaluation.md").read_text(encoding="utf-8")
    evaluation = EmbeddingRetrieval().measure(context_of(oracle(held_out), held_out))
    assert not [figure.key for figure in evaluation.figures if f"`{figure.key}`" not in page]
    assert "`kind: embedding`" in page
    assert "`kind: r_precision`" in page
