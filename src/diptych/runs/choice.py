"""Whether the chosen components can be had and go together, before anything is loaded."""

from collections.abc import Mapping
from typing import Any

import torch

from diptych.config import Config, UserError, components
from diptych.config.components import Trust
from diptych.config.composition import options
from diptych.config.schema import GENERATION, GROUPS, LOSS, NETWORKS, ROLES, SETS, TASKS_OF_PARTS
from diptych.runs.build import DATA_FACTS, NETWORK_FACTS, PART_FACTS, SYSTEM_FACTS, chosen_roles, chosen_sets
from diptych.systems.base import Choice

NO_NETWORKS = tuple(role for role in ROLES if role not in NETWORKS)
SIZED = ("generator", "discriminator", "denoiser", "encoder", "latent_encoder")
"""Networks that are made for one size of images, and quickly built without weights."""
USUAL_SIZES = (28, 32, 64, 128)


def check_components(config: Config, trust: Trust = None) -> None:
    """Refuse impossible components before anything is loaded: unknown keys, wrong types, missing and needless parts."""
    for key in ("data", "system"):
        _require(config, key)
    components.check(config["data"], "data", ("seed",), trust)
    for role in ROLES:
        if config.get(role):
            _require(config, role)
    nodes = {key: node for _, key, node in chosen_roles(config)}
    nodes |= _nodes_of_sets(config)
    _check_sets(config)
    _check_own_names(config)
    _check_roles(config, nodes, trust)
    _check_frozen(config)
    facts = _facts(config, trust)
    for key, node in nodes.items():
        components.check(node, key, facts, trust)
    components.check(config["system"], "system", (*facts, *SETS), trust)
    _check_choice(config, trust)
    _check_sizes(config, trust)


def _nodes_of_sets(config: Config) -> dict[str, Any]:
    """The components of all sets, by the paths of their configuration."""
    return {f"{name}.{key}": node for name, nodes in chosen_sets(config).items() for key, node in nodes.items()}


def _check_sets(config: Config) -> None:
    """Whatever has values in a set is chosen; those of a bundle stay when another choice replaces its own."""
    for path, node in _nodes_of_sets(config).items():
        if "_target_" not in node:
            name, _, key = path.partition(".")
            group = name.removesuffix("s")
            raise UserError(
                f"{path}={dict(node)!r} is set, but no {group} of that key is chosen: add it with +{group}={key}, or "
                f"drop its values with ~{path}"
            )


def _facts(config: Config, trust: Trust) -> tuple[str, ...]:
    """All that may fill a parameter by name."""
    chosen = {name: components.find_class(node, key, trust) for name, key, node in chosen_roles(config)}
    own = (fact for network in chosen.values() for fact in getattr(network, "publishes", ()))
    of_parts = PART_FACTS if config["parts"] else ()
    return (*DATA_FACTS, *NETWORK_FACTS, *SYSTEM_FACTS, *of_parts, *chosen, *own, *config["parts"])


def _check_own_names(config: Config) -> None:
    """A network of one's own must not take the place of something else that is handed out by name."""
    taken = (*ROLES, *DATA_FACTS, *NETWORK_FACTS, *SYSTEM_FACTS, *config["parts"], *SETS)
    for name in config.get("networks", {}):
        if name in taken:
            raise UserError(f"networks.{name}: {name} means something else already; give your network another name")


def _require(config: Config, key: str) -> None:
    node = config[key]
    if node and "_target_" in node:
        return
    group = GROUPS.get(key, key)
    choice = group if key == group else f"{group}@{key}"
    names = ", ".join(options(group)) or "a file of your own --config-dir"
    if node:
        raise UserError(f"{key}={dict(node)!r} is set, but no {key} is chosen: add {choice}=… (one of {names})")
    raise UserError(f"no {key} is chosen: add {choice}=… (one of {names}), or a model=… or experiment=… that brings it")


def _check_roles(config: Config, nodes: Mapping[str, Any], trust: Trust) -> None:
    """Everything that is needed is chosen, and something has a place for everything that is."""
    takers = {"system": config["system"], **nodes}
    parameters = {key: components.parameter_names(node, key, trust) for key, node in takers.items()}
    for role in ROLES:
        if not config.get(role) and any(names.get(role) for names in parameters.values()):
            _require(config, role)
    _check_generating_parts(config, parameters["system"], trust)
    _check_parts(config, parameters)
    taken = {name for names in parameters.values() for name in names}
    system = config["system"]["_target_"].rpartition(".")[2]
    for name, key in _wanted(config, nodes, trust).items():
        if name not in taken:
            takes = ", ".join(role for role in parameters["system"] if role in ROLES)
            raise UserError(f"{key} is chosen, but {system} has no place for it (it takes {takes}): leave it out")


def _check_generating_parts(config: Config, asked: Mapping[str, bool], trust: Trust) -> None:
    """What generates with a part of another run keeps it in its checkpoints."""
    for part in _generates_with(config, trust):
        chosen, task = config["parts"].get(part), TASKS_OF_PARTS.get(part, "…")
        if chosen is None and asked.get(part):
            raise UserError(
                f"this system generates with another run's {part}: add +parts.{part}.run=RUN "
                f"+parts.{part}.task={task} +parts.{part}.scope={GENERATION}"
            )
        if chosen is not None and chosen.get("scope", LOSS) != GENERATION:
            raise UserError(
                f"parts.{part}.scope={chosen.get('scope', LOSS)}: this run generates with its {part}, which has to lie "
                f"in its checkpoints: set +parts.{part}.scope={GENERATION}"
            )


def _check_parts(config: Config, parameters: Mapping[str, Mapping[str, bool]]) -> None:
    """A part that only a loss needs is not there when the run is restored, so nothing may insist on it."""
    for part, chosen in config["parts"].items():
        taker = next((key for key, names in parameters.items() if names.get(part)), None)
        if taker and chosen.get("scope", LOSS) == LOSS:
            raise UserError(
                f"parts.{part} has scope={LOSS}, so that a restored run lacks it, and {taker} cannot be built without: "
                f"give its parameter {part} the default None, or set parts.{part}.scope={GENERATION}"
            )


def _check_frozen(config: Config) -> None:
    """Every network to freeze is chosen."""
    networks = [name for name, _, _ in chosen_roles(config) if name not in NO_NETWORKS]
    for name in config.get("freeze", ()):
        if name not in networks:
            raise UserError(f"freeze=[{name}]: this run has no network of that name; it has {', '.join(networks)}")


def _wanted(config: Config, nodes: Mapping[str, Any], trust: Trust) -> dict[str, str]:
    """What somebody must take, by parameter name, each with its key; a lent backbone is taken by its networks."""
    wanted = {name: key for name, key, _ in chosen_roles(config)}
    wanted |= {name: f"{name}.{next(iter(nodes))}" for name, nodes in chosen_sets(config).items()}
    if any(hasattr(components.find_class(node, key, trust), "set_backbone") for key, node in nodes.items()):
        return wanted
    return wanted | {part: f"parts.{part}" for part in config["parts"]}


def _check_sizes(config: Config, trust: Trust) -> None:
    """Refuse what a network says of the images' size, where the data's configuration has it.

    Other facts are guessed here. So a network is refused only if it can be built for images of another size.
    """
    size = config["data"].get("image_size")
    for role in SIZED if isinstance(size, int) else ():
        sizes = () if not (node := config.get(role)) else _sizes_in(config, node, role, trust)
        refusal = _refusal(config, role, node, trust) if sizes else ""
        others = (dict.fromkeys(sizes, other) for other in USUAL_SIZES)
        if refusal and not all(_refusal(config, role, node, trust, **facts) for facts in others):
            raise UserError(refusal if refusal.startswith(f"{role}.") else f"{role}: {refusal}")


def _makes_latents(config: Config, trust: Trust) -> bool:
    """Whether a part says the size of what is made, which then is not the images'."""
    return any(part in config["parts"] for part in _generates_with(config, trust))


def _generates_with(config: Config, trust: Trust) -> tuple[str, ...]:
    return getattr(components.find_class(config["system"], "system", trust), "generates_with", ())


def _sizes_in(config: Config, node: Any, role: str, trust: Trust) -> list[str]:
    """The parameters of a network that are the images' size, here at least."""
    sizes = ("image_size",) if _makes_latents(config, trust) else ("image_size", "sample_size")
    return [size for size in sizes if size in components.parameter_names(node, role, trust)]


def _refusal(config: Config, key: str, node: Any, trust: Trust, **facts: Any) -> str:
    """Why the component cannot be built with these facts; "" where it can, or does not say why."""
    try:
        _tried(config, key, node, trust, **facts)
    except ValueError as error:
        return str(error)
    except Exception:  # as in _on_trial
        return ""
    return ""


def _check_choice(config: Config, trust: Trust) -> None:
    """Let the system refuse what does not go together."""
    system: Any = components.find_class(config["system"], "system", trust)
    share = config["data"].get("captioned_share")
    if share is not None and not getattr(system, "learns_from_pictures_alone", False):
        raise UserError(
            f"data.captioned_share={share:g}: {system.__name__} learns nothing from pictures without captions; choose "
            "system=flow or diffusion, or leave these pictures out with data.train_size"
        )
    if not hasattr(system, "check_choice"):
        return
    try:
        system.check_choice(_choice(config, trust))
    except ValueError as error:
        raise UserError(str(error)) from None


def task_of(config: Config, trust: Trust = None) -> str:
    """What the system of this configuration is trained for; "" for one that does not say."""
    system: Any = components.find_class(config["system"], "system", trust)
    return system.task_of(_choice(config, trust)) if hasattr(system, "task_of") else ""


def _choice(config: Config, trust: Trust) -> Choice:
    roles = {name: (key, node) for name, key, node in chosen_roles(config)}
    classes = {name: components.find_class(node, key, trust) for name, (key, node) in roles.items()}
    networks = {name: found for name, found in classes.items() if name not in NO_NETWORKS}
    recipe = {name: found for name, found in classes.items() if name in NO_NETWORKS}
    of_sets = _nodes_of_sets(config)
    sets = {
        name: {key: components.find_class(node, f"{name}.{key}", trust) for key, node in nodes.items()}
        for name, nodes in chosen_sets(config).items()
    }

    def on_trial(name: str) -> Any:
        key, node = roles.get(name, (name, of_sets.get(name)))
        return _on_trial(config, key, node, trust) if node else None

    none: dict[str, Any] = {}
    terms, augmentations = sets.get("terms", none), sets.get("augmentations", none)
    has_uncaptioned = config["data"].get("captioned_share") is not None
    parts = tuple(config["parts"])
    return Choice(config["system"], networks, terms, augmentations, recipe, parts, on_trial, has_uncaptioned)


def _on_trial(config: Config, key: str, node: Any, trust: Trust) -> Any:
    """The component without weights, as it would be for data of usual sizes; its class where that cannot be built."""
    try:
        return _tried(config, key, node, trust)
    except ValueError as error:
        usual = _facts(config, trust)
        if not any(name in usual for name in components.parameter_names(node, key, trust)):
            raise UserError(f"{key}: {error}") from error
        return components.find_class(node, key, trust)
    except Exception:  # whatever goes wrong here is found again, and said, when the network is built for the data
        return components.find_class(node, key, trust)


def _tried(config: Config, key: str, node: Any, trust: Trust, **facts: Any) -> Any:
    """The component without weights, for data of usual sizes where nothing says theirs, and with these facts."""
    usual = dict.fromkeys(_facts(config, trust), 8) | {"image_size": 32, "image_channels": 3}
    usual |= {name: config["data"][name] for name in DATA_FACTS if isinstance(config["data"].get(name), int)}
    if not _makes_latents(config, trust):
        usual |= {"sample_size": usual["image_size"], "sample_channels": usual["image_channels"]}
    with torch.random.fork_rng(devices=()), torch.device("meta"):
        return components.build(node, key, usual | facts, trust)
