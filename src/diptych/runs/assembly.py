"""A system on its data: the same for a run's process and for `diptych.build`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from diptych.config import Config, UserError
from diptych.config.components import Trust
from diptych.runs.build import build_system
from diptych.runs.images.cached_features import use_cached_features
from diptych.runs.randomness import seed_everything
from diptych.runs.trainer import repeat_first_batch
from diptych.runs.warm_start import warm_start
from diptych.systems.base import System


class Built(NamedTuple):
    """The data module, set up, and the system that trains on it."""

    data: Any
    system: System


def assemble(
    config: Config,
    open_data: Callable[[], Any],
    load_parts: Callable[[], Mapping[str, Any]],
    trust: Trust = None,
    *,
    weights: Path | None = None,
    num_devices: int = 1,
    blueprints: Mapping[str, Any] = MappingProxyType({}),
    resumed: Path | None = None,
) -> Built:
    """Data, parts of other runs and the system, in this order; it starts from the checkpoint `weights`, if given.

    `blueprints` are a resumed run's (see `build_system`), and `resumed` is its checkpoint, which is loaded later.

    The global random generators are seeded twice: before the data, and before the networks draw their weights.
    """
    seed_everything(config["seed"])
    data = open_data()
    _check_validation(data, config["data"], num_devices)
    parts = load_parts()
    seed_everything(config["seed"])
    system = build_system(config, data.spec, parts, trust, blueprints)
    if weights:
        warm_start(system, weights, config.get("init_parts", ()))
    if config.get("cache_features"):
        use_cached_features(config, data, system, resumed)
    if config["trainer"]["overfit_batch"]:
        repeat_first_batch(data)
    return Built(data, system)


def _check_validation(data: Any, node: Mapping[str, Any], num_devices: int) -> None:
    """Refuse fewer validation examples than devices."""
    size = data.splits["val"].size if hasattr(data, "splits") else None
    if size is None or size >= num_devices:
        return
    number = "there is nothing to validate on" if not size else f"only {size:,} examples to validate on"
    devices = f", and each of {num_devices} devices needs one" if num_devices > 1 else ""
    key = next((f"data.{name}={node[name]}" for name in ("val_size", "val_share") if name in node), "the val split")
    raise UserError(f"{key}: {number}{devices}: increase it")
