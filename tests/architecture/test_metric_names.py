"""docs/metrics.md names every figure that a run logs, and no other; found by running what logs them."""

import re

import pytest

from diptych.callbacks.samples import CAPTIONS, GRID, TOLD
from diptych.config.composition import compose
from diptych.runs.training import train
from diptych.tracking import read_metrics

PATCHES_AND_ALIGNMENT = [
    "model=painter",
    "parts.teller.run=latest",
    "data=scenes_demo",
    "data.batch_size=16",
    "system.alignment_images=16",
    "system.whitening_images=16",
    "schedule.decay_images=16",
    "budget_images=48",
    "validate_every_images=48",
    "data.val_size=16",
]
WITHOUT_A_WORLD = ["model=cnn_rnn", "data=digits"]
TELLER = ["model=cnn_rnn_attention", "data=scenes_demo", "system.attention_penalty_weight=1"]
RECOGNIZER = ["model=recognizer", "data=scenes_demo"]
PAINTER = [
    "model=dcgan",
    "data=scenes_demo",
    "generator=residual",
    "discriminator=projection",
    "text_encoder=gru",
    "objective=hinge",
    "system.mismatch_weight=0.5",
    "system.contrastive_weight=1",
    "system.generator_contrastive_weight=1",
    "system.redescription_weight=1",
]


@pytest.fixture(scope="module")
def documented(repository):
    text = (repository / "docs" / "metrics.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([a-z]+/[a-z0-9_]+)` \|", text, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """The names that a teller, a recogniser and painters with every term switched on leave in metrics.csv."""
    outputs = tmp_path_factory.mktemp("outputs")
    teller, names = _one_step(TELLER, outputs)
    _, painters = _one_step(PAINTER, outputs, parts={"teller": {"run": str(teller.path), "role": "captioner"}})
    _, aligned = _one_step(
        PATCHES_AND_ALIGNMENT, outputs, parts={"teller": {"run": str(teller.path), "role": "captioner"}}
    )
    _, recognizers = _one_step(RECOGNIZER, outputs)
    _, worldless = _one_step(WITHOUT_A_WORLD, outputs)
    return names | painters | aligned | recognizers | worldless | {GRID, CAPTIONS, TOLD}


def test_every_figure_that_is_logged_is_explained(documented, logged):
    assert logged - documented == set()


def test_no_figure_is_explained_that_nobody_logs(documented, logged):
    assert documented - logged == set()


def _one_step(overrides, outputs, parts=None):
    config = compose([*overrides, "debug=one_step", f"paths.outputs={outputs}", "callbacks.progress.quiet=true"])
    folder, _ = train(config | {"parts": parts or {}})
    return folder, {name for row in read_metrics(folder.metrics) for name in row} - {"images"}
