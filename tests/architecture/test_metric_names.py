"""docs/metrics.md names every figure that a run logs, and no other; found by running what logs them."""

import re

import pytest

from diptych.callbacks.samples import CAPTIONS, EXAMPLES, GRID
from diptych.config.composition import compose
from diptych.runs.training import train
from diptych.tracking import read_metrics

PATCHES_AND_PRETRAINING = [
    "model=layered_gan",
    "parts.captioner.run=latest",
    "data=scenes_demo",
    "data.batch_size=16",
    "text_pretraining.pretraining_images=16",
    "text_pretraining.whitening_images=16",
    "schedule.decay_images=16",
    "budget_images=48",
    "validate_every_images=48",
    "data.val_size=16",
]
WITHOUT_A_WORLD = ["model=cnn_rnn", "data=digits"]
CAPTIONER = ["model=cnn_rnn_attention", "data=scenes_demo", "caption_objective.attention_penalty_weight=1"]
HARD_ATTENTION = ["model=cnn_rnn_hard_attention", "data=scenes_demo"]
SELF_CRITICAL = ["model=cnn_rnn", "data=scenes_demo", "caption_objective=self_critical_greedy"]
ADVERSARIAL = ["model=cnn_rnn", "data=scenes_demo", "caption_objective=adversarial"]
CAPTION_VAE = ["model=caption_vae", "data=scenes_demo"]
CLASSIFIER = ["model=classifier", "data=scenes_demo"]
GENERATOR = [
    "model=dcgan",
    "data=scenes_demo",
    "generator=residual",
    "discriminator=projection",
    "text_encoder=gru",
    "objective=hinge",
    "system.mismatch_weight=0.5",
    "term=[contrastive,redescription,mode_seeking]",
    "terms.contrastive.generator_weight=1",
    "augmentation=[ada]",
]

EMBEDDING = ["model=embedding", "data=scenes_demo"]
WORD_REGIONS = [*EMBEDDING, "embedding_objective=word_regions"]
WITH_PARTNERS = [
    "model=dcgan",
    "data=scenes_demo",
    "text_encoder=gru",
    "term=[word_region_matching,perceptual,perceptual_feature_matching,learned_redescription]",
    "image_encoder=cnn",
    "caption_decoder=lstm",
]

CRITIC = [
    "model=mlp_gan",
    "data=scenes_demo",
    "text_encoder=gru",
    "objective=relativistic",
    "term=[gradient_penalty,r1,r2,matching_gradient_penalty,feature_matching,orthogonal,consistency]",
    "terms.consistency.fake_weight=10",
    "terms.orthogonal.discriminator_weight=1e-4",
]
FLOW = ["model=flow", "data=scenes_demo", "text_encoder=gru"]
FLOW += ["term=[redescription,contrastive_flow,representation_alignment]"]
AUTOENCODER = ["model=vqvae", "data=scenes_demo", "bottleneck.num_codes=16"]
PRIOR = ["model=prior", "data=scenes_demo", "text_encoder=gru", "parts.autoencoder.run=latest"]
VAE = ["model=vae", "data=scenes_demo", "text_encoder=gru"]
STYLES = ["model=stylegan2", "data=scenes_demo", "term=path_length", "terms.path_length.every=1"]

STAGES = ["model=attngan", "data=scenes_demo", "generator.width=2", "discriminator.width=1"]


@pytest.fixture(scope="module")
def documented(repository):
    text = (repository / "docs" / "metrics.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([a-z]+/[a-z0-9_]+)` \|", text, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """The names that runs of every task, and generators with every term switched on, leave in metrics.csv."""
    outputs = tmp_path_factory.mktemp("outputs")
    captioner, names = _one_step(CAPTIONER, outputs)
    _, generators = _one_step(
        GENERATOR, outputs, parts={"captioner": {"run": str(captioner.path), "task": "captioning"}}
    )
    _, aligned = _one_step(
        PATCHES_AND_PRETRAINING, outputs, parts={"captioner": {"run": str(captioner.path), "task": "captioning"}}
    )
    _, self_critical = _one_step([*SELF_CRITICAL, "caption_objective.reward.document_frequency_images=50"], outputs)
    _, adversarial = _one_step(ADVERSARIAL, outputs)
    _, caption_vaes = _one_step(CAPTION_VAE, outputs)
    _, classifiers = _one_step(CLASSIFIER, outputs)
    _, hard_attention = _one_step(HARD_ATTENTION, outputs)
    _, critics = _one_step(CRITIC, outputs)
    _, in_stages = _one_step(STAGES, outputs)
    _, styles = _one_step(STYLES, outputs)
    _, flows = _one_step(FLOW, outputs, parts={"captioner": {"run": str(captioner.path), "task": "captioning"}})
    autoencoder, autoencoders = _one_step(AUTOENCODER, outputs)
    of_codes = {"autoencoder": {"run": str(autoencoder.path), "task": "autoencoding", "scope": "generation"}}
    _, priors = _one_step(PRIOR, outputs, parts=of_codes)
    _, vaes = _one_step(VAE, outputs)
    _, worldless = _one_step(WITHOUT_A_WORLD, outputs)
    _, embeddings = _one_step(EMBEDDING, outputs)
    embedding, word_regions = _one_step(WORD_REGIONS, outputs)
    part = {"embedding": {"run": str(embedding.path), "task": "embedding"}}
    _, with_partners = _one_step(WITH_PARTNERS, outputs, parts=part)
    names = names | embeddings | word_regions | with_partners | in_stages | styles | flows
    names = names | autoencoders | priors | vaes | caption_vaes | hard_attention | self_critical | adversarial
    return names | generators | critics | aligned | classifiers | worldless | {GRID, CAPTIONS, EXAMPLES}


def test_every_figure_that_is_logged_is_explained(documented, logged):
    assert logged - documented == set()


def test_no_figure_is_explained_that_nobody_logs(documented, logged):
    assert documented - logged == set()


def _one_step(overrides, outputs, parts=None):
    config = compose([*overrides, "debug=one_step", f"paths.outputs={outputs}", "callbacks.progress.quiet=true"])
    folder, _ = train(config | {"parts": parts or {}})
    return folder, {name for row in read_metrics(folder.metrics) for name in row} - {"images"}
