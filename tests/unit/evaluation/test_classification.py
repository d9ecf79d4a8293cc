"""Classifiers whose answers are known beforehand, and a real one through the command line and in Python."""

import json
from types import SimpleNamespace

import pytest
import torch
from contexts import context_of, run_of
from PIL import Image

import diptych
from diptych.cli.main import main
from diptych.config.composition import compose
from diptych.evaluation.classification.benchmark import Classification as Benchmark
from diptych.evaluation.classification.benchmark import grouped
from diptych.evaluation.generation.features import feature_network
from diptych.evaluation.generation.image_sets import compared_sets
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.evaluation.progress import silently
from diptych.runs.handles import ImageClassifier
from diptych.runs.training import train
from diptych.systems.classification.labels import Classification

NUM = 24
SMALL_WORLD = [
    "data=scenes_demo",
    "data.world.min_objects=1",
    "data.world.shapes=[circle,square]",
    "data.world.colours=[red,blue]",
    "data.world.sizes=[small,large]",
]


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return take_held_out(compose(SMALL_WORLD), data=None, split="test", num=NUM, spare=NUM)


def classifier_of(labels, rows) -> SimpleNamespace:
    """Finds what the rows say."""
    found = [
        Classification(tuple(label for label, holds in zip(labels, row, strict=True) if holds), row) for row in rows
    ]
    run = SimpleNamespace(run_id="a-run")
    return run_of(labels=labels, run=run, classifications=lambda pictures: iter(found[: len(pictures)]))


def table(classifier, held_out):
    return Benchmark().measure(context_of(classifier, held_out))


def values(classifier, held_out) -> dict[str, float | None]:
    return {figure.key: figure.value for figure in table(classifier, held_out).figures}


def test_an_oracle_makes_no_mistake_and_chance_does(held_out):
    oracle = classifier_of(held_out.spec.labels, held_out.labels)
    evaluation = table(oracle, held_out)
    assert {figure.value for figure in evaluation.figures} == {1}
    assert len(evaluation.figures) == 4 * 5
    assert evaluation.figure("accuracy").chance < 0.5
    assert evaluation.reasons == {}
    assert not any(example.failed for example in evaluation.examples)


def test_a_wrong_colour_is_blamed_on_the_colour(held_out):
    names = held_out.spec.labels
    other = {"red": "blue", "blue": "red"}
    swap = [names.index(" ".join(other.get(word, word) for word in name.split())) for name in names]
    figures = values(classifier_of(names, held_out.labels[:, swap]), held_out)
    assert figures["shape_accuracy"] == figures["count_accuracy"] == figures["size_micro_f1"] == 1
    assert figures["colour_accuracy"] < 1
    assert figures["accuracy"] < 1


def test_one_who_finds_nothing_is_never_right_and_has_no_precision(held_out):
    figures = values(classifier_of(held_out.spec.labels, torch.zeros_like(held_out.labels)), held_out)
    assert figures["micro_precision"] is None
    assert figures["accuracy"] == figures["micro_recall"] == figures["micro_f1"] == 0


def test_attributes_are_there_whatever_they_belong_to():
    labels = ("small red circle", "small blue circle", "1 object", "2 objects")
    matrix = torch.tensor([[True, False, True, False], [True, True, False, True]])
    assert grouped(matrix, labels, "colour").tolist() == [[True, False], [True, True]]
    assert grouped(matrix, labels, "shape").tolist() == [[True], [True]]
    assert grouped(matrix, labels, "count").tolist() == [[True, False], [False, True]]
    assert grouped(matrix[:, :2], labels[:2], "count").shape == (2, 0)


def test_other_labels_than_those_that_were_learned_are_refused(held_out):
    one = classifier_of(("a cat",), torch.zeros(NUM, 1))
    refusal = Benchmark().refusal(context_of(one, held_out))
    assert refusal.startswith("a-run finds 1 labels, and scenes_demo has others: evaluate it on data like")


def test_the_page_on_evaluation_names_every_figure(held_out, repository):
    page = (repository / "docs" / "evaluation.md").read_text(encoding="utf-8")
    sets = compared_sets(held_out.images, held_out, feature_network(None, {}), seed=0, track=silently).figures
    oracle = classifier_of(held_out.spec.labels, held_out.labels)
    named = {text for figure in (*sets, *table(oracle, held_out).figures) for text in (figure.key, figure.name)}
    likewise = ("size", "colour", "count")
    assert not {text for text in named if f"`{text}`" not in page and not text.startswith(likewise)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    outputs = tmp_path_factory.mktemp("outputs")
    sizes = ["data.batch_size=16", "data.val_size=32", "image_encoder.pooled_dim=4", "budget_images=64"]
    common = ["tracking=none", "trainer.threads=1", "callbacks.progress.quiet=true", f"paths.outputs={outputs}"]
    return train(compose(["model=classifier", "data=digits", "validate_every_images=64", *sizes, *common]))[0]


def test_a_run_classifies_in_python(trained):
    loaded = diptych.load(trained.path)
    assert isinstance(loaded, ImageClassifier)
    assert loaded.labels[3] == "three"
    (first, second) = loaded.classify([Image.new("RGB", (40, 30), "white"), torch.zeros(1, 28, 28)])
    assert len(first.labels) == len(second.labels) == 1
    assert first.probs.shape == (10,)


def test_a_run_is_evaluated_and_shows_what_it_found(trained, capsys):
    assert main(["evaluate", str(trained.path), "--num", "20", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["evaluations"]
    assert result["kind"] == "classification"
    keys = [figure["key"] for figure in result["figures"]]
    assert keys == ["accuracy", "micro_precision", "micro_recall", "micro_f1"]
    assert list(trained.samples.glob("captions-*.png"))
    assert main(["evaluate", str(trained.path), "--num", "20", "--features", "random"]) == 2
    assert "features=random goes with Generation (a generator)" in capsys.readouterr().err


def test_a_run_sees_pictures_for_others(trained):
    network = feature_network(str(trained.path), {})
    assert network.name == f"classification {trained.run_id} best"
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 4)
