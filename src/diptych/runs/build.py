"""From a configuration to objects: data first, then networks that receive the data's facts, then the system.

Facts fill constructor parameters by name. The data give `image_size`, `image_channels`, `vocabulary` (its
tokens), `vocabulary_size` and `max_length`; the text encoder gives `condition_dim` (0 without one) and `word_dim`, the
image encoder `image_dim` and `region_dim`, the generator `latent_dim`. `sample_size` and `sample_channels` are the size
of what a denoiser makes: images, or the latents of an autoencoder among the parts.
"""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import Any

from pytorch_lightning import LightningDataModule

from diptych.config import Config, UserError, components
from diptych.config.components import Trust
from diptych.config.schema import NETWORKS, ROLES, SETS
from diptych.models.frozen_backbone import share_backbone
from diptych.systems.base import System
from diptych.systems.modes import freeze
from diptych.types import DataSpec

DATA_FACTS = (
    "image_size",
    "image_channels",
    "vocabulary",
    "vocabulary_size",
    "max_length",
    "sample_size",
    "sample_channels",
)
PART_FACTS = ("num_codes", "code_size")
"""What an autoencoder among the parts tells networks besides."""
USUAL_FACTS = {
    "text_encoder": {"condition_dim": "sentence_dim", "word_dim": "word_dim"},
    "image_encoder": {"image_dim": "pooled_dim", "region_dim": "region_dim"},
    "generator": {"latent_dim": "latent_dim"},
}
NETWORK_FACTS = tuple(fact for facts in USUAL_FACTS.values() for fact in facts)
SYSTEM_FACTS = ("data_spec", "seed")


def build_data(
    config: Config,
    trust: Trust = None,
    facts: Mapping[str, Any] = MappingProxyType({}),
    *,
    splits_by_share: bool = True,
) -> LightningDataModule:
    """The data module, set up: it has its `spec`.

    A resumed run's `facts` are what its checkpoint knows of the data. Data that nobody trains on need not be split by
    share.
    """
    data = components.build(config["data"], "data", {"seed": config["seed"], **facts}, trust)
    data.splits_by_share = splits_by_share
    data.setup("fit")
    return data


def build_system(
    config: Config,
    spec: DataSpec,
    parts: Mapping[str, Any],
    trust: Trust = None,
    blueprints: Mapping[str, Any] = MappingProxyType({}),
) -> System:
    """Networks, objective, terms and all else that is chosen, handed to the system by parameter name.

    `blueprints` are what a checkpoint carries of networks that a configuration alone does not tell how to build, by
    role; such a network takes its own as the parameter `blueprint`, and has it as the attribute `blueprint`.
    """
    facts = {**data_facts(spec), "data_spec": spec, "seed": config["seed"], "condition_dim": 0, **parts}
    for part in parts.values():
        facts |= {fact: getattr(part, attribute) for fact, attribute in getattr(part, "publishes", {}).items()}
    built: dict[str, Any] = {}
    for name, key, node in publishers_first(chosen_roles(config), trust):
        own = {"blueprint": blueprints[name]} if name in blueprints else {}
        built[name] = components.build(node, key, facts | own, trust)
        if name in config.get("freeze", ()):
            freeze(built[name])
        facts |= {name: built[name]} | published(name, built[name])
    backbones = (part.image_encoder for part in parts.values() if hasattr(part, "image_encoder"))
    if (backbone := next(backbones, None)) is not None:  # the first part's, where several have one
        share_backbone(backbone, *built.values())
    sets = {
        name: {key: components.build(node, f"{name}.{key}", facts, trust) for key, node in nodes.items()}
        for name, nodes in chosen_sets(config).items()
    }
    given = {"data_spec": spec, "seed": config["seed"], **built, **parts, **sets}
    system = components.build(config["system"], "system", given, trust)
    system.blueprints = {name: network.blueprint for name, network in built.items() if hasattr(network, "blueprint")}
    return system


def data_facts(spec: DataSpec) -> dict[str, Any]:
    """What networks may ask of the data, by parameter name."""
    size, channels = spec.image_size, spec.image_channels
    values = (size, channels, spec.vocabulary, len(spec.vocabulary), spec.max_length, size, channels)
    return dict(zip(DATA_FACTS, values, strict=True))


def chosen_sets(config: Config) -> dict[str, dict[str, Any]]:
    """Of each of `SETS` what is chosen, by key; one that was dropped is None. Sets of nothing are left out."""
    chosen = {name: {key: node for key, node in config.get(name, {}).items() if node} for name in SETS}
    return {name: nodes for name, nodes in chosen.items() if nodes}


def chosen_roles(config: Config) -> list[tuple[str, str, Any]]:
    """Every chosen role as its name, the path of its configuration and its node, in the order of building.

    Networks of roles that nobody foresaw (`networks.NAME`) come after those of the spine, which they may ask for.
    """
    own = [(name, f"networks.{name}", node) for name, node in config.get("networks", {}).items() if node]
    spine = [(role, role, config[role]) for role in ROLES if config.get(role)]
    num_networks = sum(role in NETWORKS for role, _, _ in spine)
    return spine[:num_networks] + own + spine[num_networks:]


def publishers_first(roles: list[tuple[str, str, Any]], trust: Trust) -> list[tuple[str, str, Any]]:
    """The same roles, in which networks of one's own come after those that they ask for."""
    own = {name: (name, key, node) for name, key, node in roles if key.startswith("networks.")}
    publishers = {
        fact: name
        for name, key, node in own.values()
        for fact in (name, *getattr(components.find_class(node, key, trust), "publishes", ()))
    }
    asked = {
        name: {publishers[fact] for fact in components.parameter_names(node, key, trust) if fact in publishers} - {name}
        for name, key, node in own.values()
    }
    try:
        ordered = iter([own[name] for name in TopologicalSorter(asked).static_order()])
    except CycleError as error:
        raise UserError(
            f"networks: {' and '.join(error.args[1][:-1])} ask for one another; set what one of them needs"
        ) from None
    return [next(ordered) if name in own else (name, key, node) for name, key, node in roles]


def published(role: str, network: Any) -> dict[str, Any]:
    """What a network tells those that are built after it, by parameter name.

    A class says so in `publishes`, a mapping from parameters to its own attributes; without it, the usual ones of its
    role are published.
    """
    facts = getattr(network, "publishes", USUAL_FACTS.get(role, {}))
    return {fact: getattr(network, attribute) for fact, attribute in facts.items()}
