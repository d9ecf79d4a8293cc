"""Nodes of a configuration with their facts: what a network's constructor was given, as plain values."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from diptych.config import Config, UserError
from diptych.config.components import Trust, parameter_names
from diptych.runs.build import chosen_roles, data_facts, published, publishers_first
from diptych.types import DataSpec

GIVEN = ("data_spec", "vocabulary")
"""Facts that whoever reads an export has of its DataSpec."""


def resolved_nodes(
    config: Config,
    spec: DataSpec,
    system: Any,
    parts: Mapping[str, Any],
    wanted: Collection[str],
    trust: Trust = None,
) -> dict[str, dict[str, Any]]:
    """The nodes of these roles, in the order of building; facts stand in them but those of `GIVEN` and networks."""
    facts: dict[str, Any] = {**data_facts(spec), "seed": config["seed"], "condition_dim": 0}
    for part in parts.values():
        facts |= {fact: getattr(part, name) for fact, name in getattr(part, "publishes", {}).items()}
    nodes = {}
    for role, key, node in publishers_first(chosen_roles(config), trust):
        if role in wanted:
            own = {"blueprint": system.blueprints[role]} if role in system.blueprints else {}
            nodes[role] = _filled(node, key, facts | own, trust)
        if (network := getattr(system, role, None)) is not None:
            facts |= published(role, network)
    return nodes


def _filled(node: Any, key: str, facts: Mapping[str, Any], trust: Trust) -> Any:
    if isinstance(node, list | tuple):
        return [_filled(value, f"{key}[{i}]", facts, trust) for i, value in enumerate(node)]
    if not isinstance(node, Mapping):
        return _plain(node, key)
    filled = {name: _filled(value, f"{key}.{name}", facts, trust) for name, value in node.items()}
    if "_target_" in node and not node.get("_partial_"):
        asked = [name for name in parameter_names(node, key, trust) if name in facts and name not in node]
        filled |= {name: _plain(facts[name], f"{key}.{name}") for name in asked if name not in GIVEN}
    return filled


def _plain(value: Any, key: str) -> Any:
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        raise UserError(f"{key}: {type(value).__name__} is no plain value, and an export keeps those alone") from None
