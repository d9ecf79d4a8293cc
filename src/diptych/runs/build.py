"""From a configuration to objects: data first, then networks that are told the data's facts, then the system.

Facts fill constructor parameters by name. The data give `image_size`, `image_channels`, `vocabulary_size` and
`max_length`; the text encoder gives `condition_dim` (0 without one) and `word_dim`, the image encoder `image_dim` and
`region_dim`, the generator `latent_dim`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningDataModule

from diptych.config import Config, UserError, components
from diptych.config.components import Trust
from diptych.config.composition import options
from diptych.config.schema import OPTIMIZERS, ROLES
from diptych.runs.checkpoints import read_checkpoint
from diptych.systems.base import System
from diptych.types import DataSpec

DATA_FACTS = ("image_size", "image_channels", "vocabulary_size", "max_length")
NETWORK_FACTS = ("condition_dim", "word_dim", "image_dim", "region_dim", "latent_dim")
SYSTEM_FACTS = ("data_spec", "seed")


def check_components(config: Config, trust: Trust = None) -> None:
    """Refuse impossible components before anything is loaded: unknown keys, wrong types, missing and needless parts."""
    for key in ("data", "system"):
        _require(config, key)
    components.check(config["data"], "data", ("seed",), trust)
    chosen = [role for role in ROLES if config.get(role)]
    for role in chosen:
        _require(config, role)
        components.check(config[role], role, (*DATA_FACTS, *NETWORK_FACTS), trust)
    _check_roles(config, chosen, trust)
    components.check(config["system"], "system", (*SYSTEM_FACTS, *chosen, *config["parts"]), trust)


def build_data(config: Config, trust: Trust = None) -> LightningDataModule:
    """The data module, set up: it has its `spec`."""
    data = components.build(config["data"], "data", {"seed": config["seed"]}, trust)
    data.setup("fit")
    return data


def build_system(config: Config, spec: DataSpec, parts: Mapping[str, Any], trust: Trust = None) -> System:
    """Networks, objective, optimisers and parts from other runs, handed to the system by parameter name."""
    facts = data_facts(spec)
    built: dict[str, Any] = {}
    for role in ROLES:
        if config.get(role):  # roles that came later are missing in older runs
            built[role] = components.build(config[role], role, facts, trust)
        facts |= _facts_of(role, built.get(role))
    given = {"data_spec": spec, "seed": config["seed"], **built, **parts}
    return components.build(config["system"], "system", given, trust)


def data_facts(spec: DataSpec) -> dict[str, Any]:
    """What networks may ask of the data, by parameter name."""
    values = (spec.image_size, spec.image_channels, len(spec.vocabulary), spec.max_length)
    return dict(zip(DATA_FACTS, values, strict=True))


def restore_system(path: Path, trust: Trust = (), parts: Mapping[str, Any] | None = None) -> System:
    """The system that a checkpoint holds, weights and all, from the checkpoint alone; on the CPU, in eval mode.

    Parts that only a loss needs are left out, unless given.
    """
    checkpoint = read_checkpoint(path)
    check_components(checkpoint["config"], trust)
    spec = DataSpec.from_dict(checkpoint["data_spec"])
    with torch.random.fork_rng(devices=()):
        system = build_system(checkpoint["config"], spec, parts or {}, trust)
    system.load_state_dict(checkpoint["state_dict"])
    system.on_load_checkpoint(checkpoint)
    return system.eval()


def _require(config: Config, key: str) -> None:
    node = config[key]
    if node and "_target_" in node:
        return
    group = "optimizer" if key in OPTIMIZERS else key
    choice = group if key == group else f"{group}@{key}"
    names = ", ".join(options(group)) or "a file of your own --config-dir"
    if node:
        raise UserError(f"{key}={dict(node)!r} is set, but no {key} is chosen: add {choice}=… (one of {names})")
    raise UserError(f"no {key} is chosen: add {choice}=… (one of {names}), or a model=… or experiment=… that brings it")


def _check_roles(config: Config, chosen: list[str], trust: Trust) -> None:
    """Every part that the system needs is chosen, and it has a place for every part that is."""
    parameters = components.parameter_names(config["system"], "system", trust)
    name = config["system"]["_target_"].rpartition(".")[2]
    for role in ROLES:
        if parameters.get(role) and role not in chosen:
            _require(config, role)
    for role in (*chosen, *config["parts"]):
        if role not in parameters:
            key = f"parts.{role}" if role in config["parts"] else role
            takes = ", ".join(r for r in parameters if r in ROLES)
            raise UserError(f"{key} is chosen, but {name} has no place for it (it takes {takes}): leave it out")


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
