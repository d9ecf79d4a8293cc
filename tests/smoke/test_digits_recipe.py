"""The README's recipe for handwritten digits from sentences, with narrow networks and a third of its budget."""

import json

import pytest

from diptych.cli.main import main
from diptych.config.composition import compose
from diptych.runs.folder.layout import RunFolder
from diptych.runs.training import train

QUICK = ("tracking=none", "trainer.threads=1", "callbacks.progress.quiet=true")
CLASSIFIER = ("model=classifier", "data=digits", "budget_images=16_000", "validate_every_images=16_000")
GENERATOR = (
    *("experiment=digits/text_to_image", "generator.width=16", "discriminator.width=16", "data.batch_size=16"),
    *("budget_images=10_000", "validate_every_images=10_000"),
)


@pytest.mark.slow
def test_images_show_the_digit_that_is_asked_for_and_differ_within_a_sentence(tmp_path, capsys):
    generator, classifier = (run(choice, tmp_path) for choice in (GENERATOR, CLASSIFIER))
    capsys.readouterr()
    words = ["evaluate", str(generator.path), "--with", str(classifier.path), "--num", "560", "--json"]
    assert main(words) == 0
    figures = figures_of(json.loads(capsys.readouterr().out))
    assert figures["class_accuracy"]["reference"] > 0.95  # the classifier on real images
    assert figures["class_accuracy"]["value"] > 0.4 > 3 * figures["class_accuracy"]["chance"]
    assert figures["diversity_within_sentence"]["value"] > 0.5
    assert generator.read_collapse() == ""


def run(choice: tuple[str, ...], outputs) -> RunFolder:
    return train(compose([*choice, *QUICK, f"paths.outputs={outputs}"]))[0]


def figures_of(said: dict) -> dict[str, dict]:
    return {figure["key"]: figure for evaluation in said["evaluations"] for figure in evaluation["figures"]}
