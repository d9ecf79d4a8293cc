"""From a configuration to objects: data first, then networks that are told the data's facts, then the system.

Facts fill constructor parameters by name. The data give `image_size`, `image_channels`, `vocabulary_size` and
`max_length`; the text encoder gives `condition_dim` (0 without one) and `word_dim`, the image encoder `image_dim` and
`region_dim`, the generator `latent_dim`.
"""

from collections.abc import Mapping
from typing import Any

from pytorch_lightning import LightningDataModule

from diptych.config import Config, components
from diptych.config.components import Trust
from diptych.config.schema import ROLES
from diptych.models.frozen_backbone import share_backbone
from diptych.systems.base import System
from diptych.types import DataSpec

DATA_FACTS = ("image_size", "image_channels", "vocabulary_size", "max_length")
NETWORK_FACTS = ("condition_dim", "word_dim", "image_dim", "region_dim", "latent_dim")
SYSTEM_FACTS = ("data_spec", "seed")


def build_data(config: Config, trust: Trust = None) -> LightningDataModule:
    """The data module, set up: it has its `spec`."""
    data = components.build(config["data"], "data", {"seed": config["seed"]}, trust)
    data.setup("fit")
    return data


def build_system(config: Config, spec: DataSpec, parts: Mapping[str, Any], trust: Trust = None) -> System:
    """Networks, objective, terms, optimisers and parts from other runs, handed to the system by parameter name."""
    facts = {**data_facts(spec), "data_spec": spec, "seed": config["seed"], **parts}
    built: dict[str, Any] = {}
    for role in ROLES:
        if config.get(role):  # roles that came later are missing in older runs
            built[role] = components.build(config[role], role, facts, trust)
        facts |= _facts_of(role, built.get(role)) | ({role: built[role]} if role in built else {})
    for part in parts.values():
        if hasattr(part, "image_encoder"):
            share_backbone(part.image_encoder, *built.values())
    terms = {key: components.build(node, f"terms.{key}", facts, trust) for key, node in chosen_terms(config).items()}
    given = {"data_spec": spec, "seed": config["seed"], **built, **parts, **({"terms": terms} if terms else {})}
    return components.build(config["system"], "system", given, trust)


def data_facts(spec: DataSpec) -> dict[str, Any]:
    """What networks may ask of the data, by parameter name."""
    values = (spec.image_size, spec.image_channels, len(spec.vocabulary), spec.max_length)
    return dict(zip(DATA_FACTS, values, strict=True))


def chosen_terms(config: Config) -> dict[str, Any]:
    """The terms that are chosen, by key; one that was dropped is None."""
    return {key: node for key, node in config.get("terms", {}).items() if node}


def _facts_of(role: str, network: Any) -> dict[str, Any]:
    if role == "text_encoder":
        return (
            {"condition_dim": network.sentence_dim, "word_dim": network.word_dim} if network else {"condition_dim": 0}
        )
    if role == "image_encoder" and network:
        return {"image_dim": network.pooled_dim, "region_dim": network.region_dim}
    if role == "generator" and network:
        return {"latent_dim": network.latent_dim}
    return {}
