"""The typed schema of a run's configuration. It comes first in every defaults list.

Hydra merges files into these dataclasses, so a misspelt key or a wrong type in a *file* fails like one on the command
line. Components (nodes with a `_target_`) are free dictionaries here; `diptych.config.components` checks their keys
against the constructor's signature.
"""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

NETWORKS = (
    "text_encoder", "image_encoder", "generator", "latent_encoder", "latent_prior", "discriminator", "denoiser",
    "caption_decoder", "encoder", "bottleneck", "decoder", "likelihood", "prior",
)  # fmt: skip
OPTIMIZERS = ("generator_optimizer", "discriminator_optimizer", "optimizer")
OBJECTIVES = ("objective", "caption_objective", "embedding_objective")
DENOISING = ("process", "prediction", "loss_prediction", "times")
ROLES = (*NETWORKS, *OBJECTIVES, *DENOISING, "text_pretraining", *OPTIMIZERS, "schedule")
"""The components of a system in build order (later ones take facts from earlier ones)."""
GROUPS = {**dict.fromkeys(OPTIMIZERS, "optimizer"), "loss_prediction": "prediction"}
"""The group of files of a role that is not named like it."""
SETS = ("terms", "augmentations")
"""The components of which a run may have several, each set a mapping by key."""
TASKS_OF_PARTS = {
    "captioner": "captioning",
    "classifier": "classification",
    "embedding": "embedding",
    "autoencoder": "autoencoding",
}
"""What a part of this name is trained for, where a message has to propose it."""
LOSS, GENERATION = SCOPES = ("loss", "generation")
"""What needs a part: a loss in training only, or generation as well."""


@dataclass
class Paths:
    """Folders; relative paths start at the working directory."""

    outputs: str = MISSING


@dataclass
class Trainer:
    """How the run is executed; only precision changes what is learned (other orders of adding up, within rounding)."""

    accelerator: str = MISSING
    strategy: str | None = None
    devices: int | None = 1
    num_nodes: int = 1
    backend: str | None = None
    timeout_seconds: float = 1800.0
    precision: str = "32-true"
    threads: int | None = None
    matmul_precision: str | None = None
    channels_last: bool = False
    benchmark: bool = False
    deterministic: bool = False
    detect_anomaly: bool = False
    profiler: str | None = None
    max_val_batches: int | None = None
    overfit_batch: bool = False


@dataclass
class Run:
    """The configuration of one training run."""

    name: str = MISSING
    data_name: str | None = None
    seed: int = MISSING
    budget_images: int = MISSING
    validate_every_images: int = MISSING
    monitor: str | None = None
    mode: str = "max"
    init_from: str | None = None
    init_parts: list[str] = field(default_factory=list)
    freeze: list[str] = field(default_factory=list)
    cache_features: bool = False
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    paths: Paths = field(default_factory=Paths)
    trainer: Trainer = field(default_factory=Trainer)
    data: dict[str, Any] = field(default_factory=dict)
    system: dict[str, Any] = field(default_factory=dict)
    text_encoder: dict[str, Any] = field(default_factory=dict)
    image_encoder: dict[str, Any] = field(default_factory=dict)
    generator: dict[str, Any] = field(default_factory=dict)
    latent_encoder: dict[str, Any] = field(default_factory=dict)
    latent_prior: dict[str, Any] = field(default_factory=dict)
    discriminator: dict[str, Any] = field(default_factory=dict)
    denoiser: dict[str, Any] = field(default_factory=dict)
    caption_decoder: dict[str, Any] = field(default_factory=dict)
    encoder: dict[str, Any] = field(default_factory=dict)
    bottleneck: dict[str, Any] = field(default_factory=dict)
    decoder: dict[str, Any] = field(default_factory=dict)
    likelihood: dict[str, Any] = field(default_factory=dict)
    prior: dict[str, Any] = field(default_factory=dict)
    networks: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    objective: dict[str, Any] = field(default_factory=dict)
    caption_objective: dict[str, Any] = field(default_factory=dict)
    embedding_objective: dict[str, Any] = field(default_factory=dict)
    process: dict[str, Any] = field(default_factory=dict)
    prediction: dict[str, Any] = field(default_factory=dict)
    loss_prediction: dict[str, Any] = field(default_factory=dict)
    times: dict[str, Any] = field(default_factory=dict)
    terms: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    augmentations: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    text_pretraining: dict[str, Any] = field(default_factory=dict)
    generator_optimizer: dict[str, Any] = field(default_factory=dict)
    discriminator_optimizer: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)
    features: dict[str, Any] = field(default_factory=dict)
    callbacks: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    tracking: dict[str, dict[str, Any] | None] = field(default_factory=dict)


def register() -> None:
    """Register the schema with Hydra as `run_schema`."""
    ConfigStore.instance().store(name="run_schema", node=Run, provider="diptych")
