"""Whether the chosen components can be had and go together, before anything is loaded."""

from collections.abc import Collection
from typing import Any

import torch

from diptych.config import Config, UserError, components
from diptych.config.components import Trust
from diptych.config.composition import options
from diptych.config.schema import NETWORKS, OPTIMIZERS, ROLES
from diptych.runs.build import DATA_FACTS, NETWORK_FACTS, SYSTEM_FACTS, chosen_terms
from diptych.systems.base import Choice


def check_components(config: Config, trust: Trust = None) -> None:
    """Refuse impossible components before anything is loaded: unknown keys, wrong types, missing and needless parts."""
    for key in ("data", "system"):
        _require(config, key)
    components.check(config["data"], "data", ("seed",), trust)
    chosen = [role for role in ROLES if config.get(role)]
    for role in chosen:
        _require(config, role)
    _check_roles(config, chosen, trust)
    facts = (*DATA_FACTS, *NETWORK_FACTS, *SYSTEM_FACTS, *chosen, *config["parts"])
    for key, node in _parts_of_system(config, chosen).items():
        components.check(node, key, facts, trust)
    components.check(config["system"], "system", (*facts, "terms"), trust)
    _check_choice(config, chosen, trust)


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


def _parts_of_system(config: Config, chosen: Collection[str]) -> dict[str, Any]:
    """Every component of the system by the path of its configuration."""
    return {role: config[role] for role in chosen} | {
        f"terms.{key}": node for key, node in chosen_terms(config).items()
    }


def _check_roles(config: Config, chosen: Collection[str], trust: Trust) -> None:
    """Everything that is needed is chosen, and something has a place for everything that is."""
    takers = {"system": config["system"], **_parts_of_system(config, chosen)}
    parameters = {key: components.parameter_names(node, key, trust) for key, node in takers.items()}
    for role in ROLES:
        if role not in chosen and any(names.get(role) for names in parameters.values()):
            _require(config, role)
    taken = {name for names in parameters.values() for name in names}
    name = config["system"]["_target_"].rpartition(".")[2]
    wanted = {role: role for role in chosen} | {part: f"parts.{part}" for part in config["parts"]}
    wanted |= {"terms": f"terms.{next(iter(chosen_terms(config)))}"} if chosen_terms(config) else {}
    for role, key in wanted.items():
        if role not in taken and not (role in config["parts"] and _lends(config, chosen, trust)):
            takes = ", ".join(r for r in parameters["system"] if r in ROLES)
            raise UserError(f"{key} is chosen, but {name} has no place for it (it takes {takes}): leave it out")


def _lends(config: Config, chosen: Collection[str], trust: Trust) -> bool:
    """Whether some network looks through another run's image encoder."""
    return any(hasattr(components.find_class(config[role], role, trust), "set_backbone") for role in chosen)


def _check_choice(config: Config, chosen: Collection[str], trust: Trust) -> None:
    """Let the system refuse what does not go together; its discriminator is built for trial, without data."""
    system: Any = components.find_class(config["system"], "system", trust)
    if not hasattr(system, "check_choice"):
        return
    try:
        system.check_choice(_choice(config, chosen, trust))
    except ValueError as error:
        raise UserError(str(error)) from None


def task_of(config: Config, trust: Trust = None) -> str:
    """What the system of this configuration is trained for; "" for one that does not say."""
    system: Any = components.find_class(config["system"], "system", trust)
    if not hasattr(system, "task_of"):
        return ""
    return system.task_of(_choice(config, [role for role in ROLES if config.get(role)], trust))


def _choice(config: Config, chosen: Collection[str], trust: Trust) -> Choice:
    networks = {role: _on_trial(config, role, trust) for role in chosen if role in NETWORKS}
    terms = {key: components.find_class(node, f"terms.{key}", trust) for key, node in chosen_terms(config).items()}
    return Choice(config["system"], networks, terms, tuple(config["parts"]))


def _on_trial(config: Config, role: str, trust: Trust) -> Any:
    """The network without weights, as it would be for data of usual sizes; its class where that cannot be built."""
    if not chosen_terms(config):
        return components.find_class(config[role], role, trust)
    usual = dict.fromkeys((*DATA_FACTS, *NETWORK_FACTS), 8) | {"image_size": 32, "image_channels": 3}
    usual |= {name: config["data"][name] for name in DATA_FACTS if isinstance(config["data"].get(name), int)}
    try:
        with torch.random.fork_rng(devices=()), torch.device("meta"):
            return components.build(config[role], role, usual, trust)
    except Exception:  # whatever goes wrong here is found again, and said, when the network is built for the data
        return components.find_class(config[role], role, trust)
