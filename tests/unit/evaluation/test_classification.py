"""Classifiers whose answers are known beforehand, and a real one through the command line and in Python."""

import json
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

import diptych
from diptych.cli.main import main
from diptych.config import UserError
from diptych.config.composition import compose
from diptych.evaluation.classification.classified import evaluate_classification, grouped
from diptych.evaluation.generation.features import feature_network
from diptych.evaluation.generation.image_sets import with_distributions
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.evaluation.results import Evaluation
from diptych.evaluation.scene_accuracy import silently
from diptych.runs.load import ImageClassifier
from diptych.runs.training import train
from diptych.systems.classification.system import Classification

NUM = 24
PROTOCOL = {"seed": 0}
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
    return SimpleNamespace(labels=labels, run=run, classifications=lambda pictures: iter(found[: len(pictures)]))


def values(classifier, held_out) -> dict[str, float | None]:
    evaluation = evaluate_classification(classifier, held_out, PROTOCOL, silently)
    return {figure.name: figure.value for figure in evaluation.figures}


def test_an_oracle_makes_no_mistake_and_its_floor_does(held_out):
    oracle = classifier_of(held_out.spec.labels, held_out.labels)
    evaluation = evaluate_classification(oracle, held_out, PROTOCOL, silently)
    assert {figure.value for figure in evaluation.figures} == {1}
    assert len(evaluation.figures) == 4 * 5
    assert evaluation.figure("all right").floor < 0.5
    assert evaluation.reasons == {}
    assert not any(example.failed for example in evaluation.examples)


def test_a_wrong_colour_is_blamed_on_the_colour(held_out):
    names = held_out.spec.labels
    other = {"red": "blue", "blue": "red"}
    swap = [names.index(" ".join(other.get(word, word) for word in name.split())) for name in names]
    figures = values(classifier_of(names, held_out.labels[:, swap]), held_out)
    assert figures["shape right"] == figures["count right"] == figures["size F1"] == 1
    assert figures["colour right"] < 1
    assert figures["all right"] < 1


def test_one_who_finds_nothing_is_never_right_and_has_no_precision(held_out):
    figures = values(classifier_of(held_out.spec.labels, torch.zeros_like(held_out.labels)), held_out)
    assert figures["precision"] is None
    assert figures["all right"] == figures["recall"] == figures["F1"] == 0


def test_attributes_are_there_whatever_they_belong_to():
    labels = ("small red circle", "small blue circle", "1 object", "2 objects")
    matrix = torch.tensor([[True, False, True, False], [True, True, False, True]])
    assert grouped(matrix, labels, "colour").tolist() == [[True, False], [True, True]]
    assert grouped(matrix, labels, "shape").tolist() == [[True], [True]]
    assert grouped(matrix, labels, "count").tolist() == [[True, False], [False, True]]
    assert grouped(matrix[:, :2], labels[:2], "count").shape == (2, 0)


def test_other_labels_than_those_that_were_learned_are_refused(held_out):
    with pytest.raises(UserError, match=r"a-run finds 1 labels, and scenes_demo has others"):
        values(classifier_of(("a cat",), torch.zeros(NUM, 1)), held_out)


def test_the_page_on_evaluation_names_every_figure(held_out, repository):
    page = (repository / "docs" / "evaluation.md").read_text(encoding="utf-8")
    table = Evaluation("generator", "Generation", PROTOCOL, [])
    sets = with_distributions(table, held_out.images, held_out, feature_network(None, {}), track=silently)
    oracle = classifier_of(held_out.spec.labels, held_out.labels)
    figures = [*sets.figures, *evaluate_classification(oracle, held_out, PROTOCOL, silently).figures]
    likewise = ("size ", "colour ", "count ")
    assert not {f.name for f in figures if f"`{f.name}`" not in page and not f.name.startswith(likewise)}


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
    assert result["kind"] == "classifier"
    assert [figure["name"] for figure in result["figures"]] == ["all right", "precision", "recall", "F1"]
    assert list(trained.samples.glob("captions-*.png"))
    assert main(["evaluate", str(trained.path), "--num", "20", "--features", "random"]) == 2
    assert "classifies; features=random goes with a generator" in capsys.readouterr().err


def test_a_run_sees_pictures_for_others(trained):
    network = feature_network(str(trained.path), {})
    assert network.name.startswith("classifier ")
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 4)
