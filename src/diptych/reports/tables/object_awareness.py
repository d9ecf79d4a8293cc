"""Whether a run knows of objects: asked of the classes that its configuration builds."""

from collections.abc import Iterator, Mapping
from typing import Any

from diptych.config import components

NO_NETWORKS = ("callbacks", "tracking", "data", "features", "trainer", "paths")
"""What decides nothing about how pictures are made."""


def object_aware(config: Mapping[str, Any]) -> list[str]:
    """The keys of components that know of objects (`knows_objects` of their class); empty where none does."""
    nodes = ((key, node) for key, node in config.items() if key not in NO_NETWORKS)
    return sorted(key for name, node in nodes for key in _aware(node, name))


def _aware(node: Any, key: str) -> Iterator[str]:
    if isinstance(node, list):
        for number, inner in enumerate(node):
            yield from _aware(inner, f"{key}.{number}")
    if not isinstance(node, Mapping):
        return
    if "_target_" in node and getattr(components.find_class(node, key), "knows_objects", False):
        yield key
    for name, inner in node.items():
        yield from _aware(inner, f"{key}.{name}")
