"""Where a run's data lie: absolute when it begins, free to move until it is resumed, as long as they are the same.

The paths of a data set are the parameters of its class that take a `Path`. A run whose data have any keeps a record of
its examples (`examples.json`), which every later start is held against.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diptych.config import Config, UserError, components
from diptych.config.components import Trust
from diptych.data.identity import difference, order_of_training, record_of
from diptych.runs.folder.layout import RunFolder
from diptych.types import DataSpec

ALWAYS_FREE = ("num_workers", "pin_memory")
"""Parameters of any data set that do not change its batches."""


def with_absolute_paths(config: Config, trust: Trust = None) -> Config:
    """The configuration with absolute paths of its data: it means the same from any working directory."""
    data, paths = config["data"], _path_keys(config, trust)
    absolute = {key: str(Path(data[key]).expanduser().absolute()) for key in paths if data.get(key)}
    return {**config, "data": {**data, **absolute}}


def free_keys(config: Config, trust: Trust = None) -> tuple[str, ...]:
    """The keys of the data that do not change its examples, so that a resumed run may change them."""
    kind: Any = components.find_class(config["data"], "data", trust)
    known = components.parameter_names(config["data"], "data", trust)
    named = (*ALWAYS_FREE, *getattr(kind, "same_examples", ()), *_path_keys(config, trust))
    return tuple(dict.fromkeys(f"data.{key}" for key in named if key in known))


def keep_examples(folder: RunFolder, config: Config, data: Any, trust: Trust = None) -> None:
    """Record the examples of a new run, if they have a place to move from."""
    if hasattr(data, "splits") and _path_keys(config, trust):
        record = {"spec": _facts_of(data.spec), "splits": record_of(data.splits), "order": _order_of(data)}
        folder.write_examples(record)


def check_examples(folder: RunFolder, config: Config, data: Any, trust: Trust = None) -> None:
    """Refuse to go on with other examples than those that the run began with."""
    before = folder.read_examples()
    if not before or not hasattr(data, "splits"):
        return
    differs = difference(before["splits"], record_of(data.splits)) or _other_facts(before["spec"], data.spec)
    if not differs and before.get("order") not in (None, _order_of(data)):
        differs = "their shards are divided in another way, so that training would visit them in another order"
    if differs:
        raise UserError(
            f"{_places(config, trust)}: these are not the examples that {folder.run_id} began with: {differs}. Name "
            "the folder that has them, or start a new run from its weights with `diptych train … init_from=RUN`"
        )


def with_a_way_on(error: ValueError, config: Config, trust: Trust = None) -> ValueError:
    """The error of data that cannot be opened any more, with the way on if they have moved."""
    gone = [
        key for key in _path_keys(config, trust) if config["data"].get(key) and not Path(config["data"][key]).exists()
    ]
    if not gone:
        return error
    return UserError(f"{error}; if it has moved, add data.{gone[0]}=NEW_PLACE to `diptych resume`")


def _path_keys(config: Config, trust: Trust) -> tuple[str, ...]:
    return components.path_names(config["data"], "data", trust)


def _places(config: Config, trust: Trust) -> str:
    return ", ".join(f"data.{key}={config['data'].get(key)}" for key in _path_keys(config, trust))


def _order_of(data: Any) -> str | None:
    """Of the train split, where it has an order of its own."""
    return order_of_training(data.splits["train"]) if "train" in data.splits else None


def _facts_of(spec: DataSpec) -> dict[str, Any]:
    """What the networks were built for; the vocabulary as a digest."""
    return {**spec.to_dict(), "vocabulary": hashlib.sha256("\n".join(spec.vocabulary).encode()).hexdigest()[:16]}


def _other_facts(before: Mapping[str, Any], spec: DataSpec) -> str:
    now = _facts_of(spec)
    others = [name for name, value in before.items() if name in now and now[name] != value]
    return f"their {' and '.join(others)} differ{'s' * (len(others) == 1)}" if others else ""
