"""One start of a run in one process: build everything and train, alone or beside the run's other processes."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from signal import SIGTERM
from typing import Any, NamedTuple

import numpy as np
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

from diptych.config import Config, UserError
from diptych.config.components import Trust
from diptych.runs.assembly import Built, assemble
from diptych.runs.build import build_data
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.data_location import check_examples, with_a_way_on
from diptych.runs.distributed.ranks import RankFailed, rank_processes
from diptych.runs.distributed.rendezvous import Rendezvous, publish_rendezvous
from diptych.runs.distributed.strategies import resolve_devices
from diptych.runs.distributed.topology import Topology, inherited_topology, process_group, store_of
from diptych.runs.folder.layout import RunFolder
from diptych.runs.lifecycle.signals import Stopped, StopSignals
from diptych.runs.parts import load_parts
from diptych.runs.randomness import seed_everything
from diptych.runs.restore import BLUEPRINTS
from diptych.runs.trainer import Equipment, make_trainer, prepare_machine
from diptych.systems.joint_norm import use_joint_norms
from diptych.tracking import Trackers
from diptych.types import DataSpec

log = logging.getLogger(__name__)
ONE_EXAMPLE = "Expected more than 1 value per channel when training"
"""What torch says of batch normalisation over a single example."""


@dataclass(frozen=True)
class Execution:
    """The run and this process's topology. It resumes `checkpoint`, if given; `warm_start` gives weights only."""

    folder: RunFolder
    config: Config
    topology: Topology = field(default_factory=Topology)
    trust: Trust = None
    warm_start: Path | None = None
    checkpoint: Path | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The trainer's settings, with the number of devices filled in."""
        return resolve_devices(self.config["trainer"])

    def rendezvous(self, topology: Topology) -> Rendezvous:
        """The rendezvous for the process with another topology."""
        trust = None if self.trust is None else sorted(self.trust)
        warm, checkpoint = (str(path) if path else None for path in (self.warm_start, self.checkpoint))
        return Rendezvous(str(self.folder.path), topology, trust, warm, checkpoint)


def topology_for(config: Config) -> Topology:
    """The topology of this process: from torchrun or srun, else the first of the settings' processes."""
    settings = resolve_devices(config["trainer"])
    topology = inherited_topology(settings) or Topology(world_size=settings["devices"])
    batch_size = config["data"].get("batch_size", 0)
    if batch_size % topology.world_size:
        raise UserError(
            f"data.batch_size={batch_size}: this is the batch of all {topology.world_size} devices together; make it a "
            f"multiple of {topology.world_size}"
        )
    return topology


def build(execution: Execution) -> Built:
    """Build the data, then the system; all devices build the same and then draw different random numbers."""
    config, topology = execution.config, execution.topology
    prepare_machine(execution.settings)
    saved = _saved(execution.checkpoint)
    built = assemble(
        config,
        lambda: _build_data(execution, saved),
        lambda: load_parts(config, execution.folder, execution.trust),
        execution.trust,
        weights=execution.warm_start,
        num_devices=topology.world_size,
        blueprints=saved.blueprints if saved else {},
        resumed=execution.checkpoint,
    )
    if execution.settings["channels_last"]:
        built.system.to(memory_format=torch.channels_last)
    if topology.world_size > 1:
        use_joint_norms(built.system)
        if not topology.is_first:
            seed_everything(int(np.random.SeedSequence((config["seed"], topology.rank)).generate_state(1)[0]))
    return built


def open_store(execution: Execution) -> TCPStore | None:
    """The store where the run's processes meet; None for a single process."""
    if execution.settings["strategy"] is None:
        return None
    store = store_of(execution.topology, execution.settings)
    if execution.topology.is_inherited:
        publish_rendezvous(execution.rendezvous(execution.topology), store)
    return store


@contextmanager
def beside_ranks(execution: Execution, store: TCPStore | None, give_up: Callable[[RankFailed], None]) -> Iterator[None]:
    """While entered, run beside the run's other processes; the first one starts them unless torchrun or srun did."""
    if store is None:
        yield
        return
    others = [] if execution.topology.is_inherited else replace(execution.topology, port=store.port).others()
    rendezvous_of_ranks = [execution.rendezvous(topology) for topology in others]
    with (
        rank_processes(rendezvous_of_ranks, execution.folder, give_up),
        process_group(execution.topology, store, execution.settings),
    ):
        yield


def trainer_for(execution: Execution, built: Built, trackers: Trackers, signals: StopSignals) -> Trainer:
    """The Trainer with all callbacks; call it inside the process group."""
    equipment = Equipment(
        execution.folder,
        execution.config,
        execution.settings,
        built.data,
        trackers,
        signals,
        execution.trust,
        execution.topology,
    )
    return make_trainer(equipment)


def fit(trainer: Trainer, execution: Execution, built: Built, signals: StopSignals) -> None:
    """Train from the beginning or from the checkpoint, until the run ends."""
    signals.deferred = True
    checkpoint = str(execution.checkpoint) if execution.checkpoint else None
    try:
        trainer.fit(built.system, datamodule=built.data, ckpt_path=checkpoint, weights_only=True)
    except SIGTERMException:  # Lightning received the signal before us; it would exit with code 0
        raise Stopped(SIGTERM) from None
    except ValueError as error:
        if ONE_EXAMPLE not in str(error):
            raise
        raise UserError(_one_example(execution.config)) from error
    except RuntimeError as error:
        if isinstance(error.__context__, Stopped):  # torch replaces the exception that interrupted its write
            raise error.__context__ from None
        raise


def _one_example(config: Config) -> str:
    """The key to increase where batch normalisation sees a single example."""
    data, system = config["data"], config["system"]
    key, value = "data.batch_size", data.get("batch_size")
    if system.get("micro_batch_size"):
        key, value = "system.micro_batch_size", system["micro_batch_size"]
    return f"{key}={value}: batch normalisation needs two examples or more on each device: increase it"


class _Saved(NamedTuple):
    """What a resumed run is built from besides its configuration."""

    spec: DataSpec
    blueprints: Mapping[str, Any]

    @property
    def facts(self) -> dict[str, Any]:
        """What the data are told to go on doing as before: cut sentences into the words of the vocabulary."""
        return {"tokenizer_rules": self.spec.tokenizer_rules}


def _saved(checkpoint: Path | None) -> _Saved | None:
    """Of the checkpoint that is resumed; None for a new run."""
    if checkpoint is None:
        return None
    content = read_checkpoint(checkpoint)
    return _Saved(DataSpec.from_dict(content["data_spec"]), content.get(BLUEPRINTS, {}))


def _check_cuts(kept: DataSpec, spec: DataSpec) -> None:
    """Refuse data whose sentences are cut in another way than when the run began."""
    rules = kept.tokenizer_rules
    if rules != spec.tokenizer_rules:
        raise UserError(
            f"the run cuts sentences by tokenizer_rules={rules}, and its data now by {spec.tokenizer_rules}: let the "
            f"data class take tokenizer_rules={rules} and publish it in its DataSpec"
        )
    if kept.subwords != spec.subwords:
        _check_tokens(kept, spec)


def _check_tokens(kept: DataSpec, spec: DataSpec) -> None:
    """Refuse data whose tokens are not those that the networks have learned, whatever the reason."""
    if kept.vocabulary != spec.vocabulary or kept.subwords != spec.subwords:
        raise UserError(
            f"the training captions give other tokens than when the run began ({_difference(kept, spec)}), so that the "
            "networks would take one word for another: put the captions and the settings of the tokenizer back as they "
            "were, or begin a new run"
        )


def _difference(kept: DataSpec, spec: DataSpec) -> str:
    """What has become of the tokens, by an example."""
    pairs = zip(kept.vocabulary, spec.vocabulary, strict=False)
    changed = next(((i, old, new) for i, (old, new) in enumerate(pairs) if old != new), None)
    if changed:
        number, old, new = changed
        return f"token {number} was '{old}' and is '{new}'"
    if len(kept.vocabulary) != len(spec.vocabulary):
        return f"{len(kept.vocabulary):,} before, {len(spec.vocabulary):,} now"
    return "the same ones, but sentences are cut into them in another way"


def _build_data(execution: Execution, saved: _Saved | None) -> Any:
    """The data module, set up; that of a resumed run has the examples that the run began with."""
    config, trust = execution.config, execution.trust
    if saved is None:
        return build_data(config, trust)
    try:
        data: Any = build_data(config, trust, saved.facts)
    except ValueError as error:
        raise with_a_way_on(error, config, trust) from error
    _check_cuts(saved.spec, data.spec)
    check_examples(execution.folder, config, data, trust)
    _check_tokens(saved.spec, data.spec)
    return data
