"""Which runs repeat one another with other seeds: a configuration without its seed, and the digest of that."""

from collections.abc import Mapping
from typing import Any

from diptych.runs.folder.layout import digest_of

SEED = "seed"
ITS_OWN = ("features",)
"""Parts whose seeds are never the run's: the network that compares pictures is the same for all."""


def seedless_digest(config: Mapping[str, Any]) -> str:
    """Equal for runs that differ only in their seed."""
    return digest_of(without_seed(config))


def without_seed(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without its seed, wherever that was handed on to; a part's own other seed stays."""
    seed = config.get(SEED)
    return {key: node if key in ITS_OWN else _without(node, seed) for key, node in config.items() if key != SEED}


def _without(node: Any, seed: Any) -> Any:
    if isinstance(node, Mapping):
        return {k: _without(v, seed) for k, v in node.items() if not (k == SEED and v == seed)}
    return [_without(v, seed) for v in node] if isinstance(node, list | tuple) else node
