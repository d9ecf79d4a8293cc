"""What other runs make of a generator's pictures: `diptych evaluate GENERATOR --with RUN`, once or several times."""

import json

import pytest

from diptych.cli.main import main
from diptych.config.composition import compose
from diptych.reports.run.run_data import write_run_report
from diptych.runs.folder.layout import RunFolder
from diptych.runs.training import train

SMALL_WORLD = ("data=scenes_demo", "data.world.shapes=[circle,square]", "data.world.colours=[red,blue]")
OTHER_WORLD = ("data=scenes_demo", "data.world.shapes=[circle,square]", "data.world.colours=[red,green]")
TINY = (
    "data.batch_size=16",
    "data.val_size=32",
    "budget_images=64",
    "validate_every_images=64",
    "tracking=csv",
    "trainer.threads=1",
    "callbacks.progress.quiet=true",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    outputs = tmp_path_factory.mktemp("outputs")

    def run_of(*overrides: str) -> RunFolder:
        return train(compose([*overrides, *TINY, f"paths.outputs={outputs}"]))[0]

    return run_of


@pytest.fixture(scope="module")
def generator(trained) -> RunFolder:
    return trained("model=mlp_gan", "text_encoder=gru", *SMALL_WORLD)


@pytest.fixture(scope="module")
def classifier(trained) -> RunFolder:
    return trained("model=classifier", "image_encoder.pooled_dim=4", *SMALL_WORLD)


@pytest.fixture(scope="module")
def captioner(trained) -> RunFolder:
    return trained("model=cnn_rnn", "image_encoder.num_halvings=2", *SMALL_WORLD)


def evaluated(capsys, *words) -> list[dict]:
    assert main(["evaluate", *map(str, words), "--num", "8", "--no-skills", "--json"]) == 0
    return json.loads(capsys.readouterr().out)["evaluations"]


def refused(capsys, *words) -> str:
    assert main(["evaluate", *map(str, words), "--num", "8"]) == 2
    return capsys.readouterr().err


def test_a_captioner_and_a_classifier_look_at_the_same_pictures(generator, classifier, captioner, capsys):
    results = evaluated(capsys, generator.path, "--with", captioner.path, "--with", classifier.path)
    assert [result["kind"] for result in results] == ["generation", "cycle", "agreement"]
    assert [result["protocol"].get("with", {}).get("run") for result in results] == [
        None,
        captioner.run_id,
        classifier.run_id,
    ]
    assert results[2]["protocol"]["judge"] == results[0]["protocol"]["judge"]
    assert (generator.evaluations / f"best-scenes_demo-test-0-agreement-with-{classifier.run_id}.json").is_file()
    page = write_run_report(generator).read_text(encoding="utf-8")
    assert "Agreement of judge and classifier" in page
    assert "classifier: " in page


def test_the_table_says_how_many_pictures_are_in_each_cell(generator, classifier, capsys):
    assert main(["evaluate", str(generator.path), "--with", str(classifier.path), "--num", "8", "--no-skills"]) == 0
    said = capsys.readouterr().out
    assert "by the judge alone" in " ".join(said.split())
    assert max(map(len, said.split("Agreement of judge and classifier")[1].split("written to")[0].splitlines())) <= 80


def test_only_generators_pictures_are_shown_to_others(generator, classifier, captioner, capsys):
    assert "goes with Cycle consistency (a generator with a captioner (--with)), Retrieval" in refused(
        capsys, captioner.path, "--with", classifier.path
    )
    assert "goes with Cycle consistency (a generator" in refused(capsys, generator.path, "--with", generator.path)


def test_a_classifier_of_another_vocabulary_is_refused_before_anything_is_generated(generator, trained, capsys):
    other = trained("model=classifier", "image_encoder.pooled_dim=4", *OTHER_WORLD)
    before = set(generator.evaluations.glob("*"))
    said = refused(capsys, generator.path, "--with", other.path, "--seed", "7")
    assert f"{other.run_id} never learned blue, which scenes_demo has" in said
    assert "generating" not in said
    assert set(generator.evaluations.glob("*")) == before


def test_images_of_labelled_data_are_held_against_a_classifier_of_the_same_labels(trained, captioner, capsys):
    generator = trained("model=mlp_gan", "text_encoder=gru", "data=digits")
    classifier = trained("model=classifier", "image_encoder.pooled_dim=4", "data=digits")
    results = evaluated(capsys, generator.path, "--with", classifier.path)
    assert [result["kind"] for result in results] == ["generation", "class_accuracy"]
    accuracy, diversity = results[1]["figures"]
    assert (accuracy["key"], accuracy["n"]) == ("class_accuracy", 8)
    assert 0 <= accuracy["value"] <= 1
    assert accuracy["chance"] == pytest.approx(0.1, abs=0.15)
    assert (diversity["key"], diversity["value"]) == ("diversity_within_sentence", None)
    assert results[1]["protocol"]["images_per_sentence"] == 1
    plain = trained("model=mlp_gan", "data=digits")
    assert "generates without sentences" in refused(capsys, plain.path, "--with", classifier.path)
