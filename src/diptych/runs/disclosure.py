"""What trackers are told of a run, from the same objects that its folder holds: configuration, digests, environment.

It names no folder of this machine, no host and no person.
"""

from collections.abc import Mapping
from typing import Any

from diptych.config.places import without_places
from diptych.runs import environment
from diptych.runs.folder import RunFolder, digest_of
from diptych.tracking import RunInfo

SEED = "seed"


def described(config: Mapping[str, Any], sweep: str) -> dict[str, Any]:
    """One start of a run, for environment.json."""
    digests = {"config_digest": digest_of(config), "seedless_digest": seedless_digest(config)}
    return {**environment.describe(), "sweep": sweep, **digests}


def run_info(folder: RunFolder, resume_images: int | None = None) -> RunInfo:
    """The run as trackers know it, with what environment.json says of its latest start."""
    starts = folder.read_environment()
    start = starts[-1] if starts else {}
    digests = {name: start[name] for name in ("config_digest", "seedless_digest") if name in start}
    facts = {**digests, "environment": {name: start[name] for name in environment.PUBLIC if name in start}}
    return RunInfo(folder.run_id, folder.experiment, folder.path, resume_images, sweep_of(folder), facts)


def sweep_of(folder: RunFolder) -> str:
    """The sweep that the run was begun in, even where it is resumed by hand; "" if in none."""
    return next((start["sweep"] for start in folder.read_environment() if start.get("sweep")), "")


def told(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration, without where things lie on this machine."""
    return without_places(dict(config))


def seedless_digest(config: Mapping[str, Any]) -> str:
    """Equal for runs that repeat one another with other seeds: left out is the seed, wherever it was handed on to."""
    return digest_of(_without_seed(config, config.get(SEED)))


def _without_seed(node: Any, seed: Any) -> Any:
    if isinstance(node, Mapping):
        return {k: _without_seed(v, seed) for k, v in node.items() if not (k == SEED and v == seed)}
    return [_without_seed(v, seed) for v in node] if isinstance(node, list | tuple) else node
