"""Find runs that differ only in their seed: a configuration without its seed, and its digest."""

from collections.abc import Mapping
from typing import Any

from diptych.runs.folder.layout import digest_of

SEED = "seed"
FIXED_SEEDS = ("features",)
"""Parts with a seed of their own: all runs share the feature network that compares pictures."""


def seedless_digest(config: Mapping[str, Any]) -> str:
    """Equal for runs that differ only in their seed."""
    return digest_of(without_seed(config))


def without_seed(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without its seed and the copies of it; a part's own, different seed stays."""
    seed = config.get(SEED)
    return {key: node if key in FIXED_SEEDS else _without(node, seed) for key, node in config.items() if key != SEED}


def _without(node: Any, seed: Any) -> Any:
    if isinstance(node, Mapping):
        return {k: _without(v, seed) for k, v in node.items() if not (k == SEED and v == seed)}
    return [_without(v, seed) for v in node] if isinstance(node, list | tuple) else node
