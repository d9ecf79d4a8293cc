"""One training run from beginning to end, callable from Python, the command line and launchers."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from diptych.callbacks import Checkpoints
from diptych.config import Config, UserError, components
from diptych.config.changes import CHANGEABLE, changed
from diptych.config.components import Trust
from diptych.data.loader import end_workers
from diptych.runs.checkpoint_state import CheckpointState, newest_checkpoint, set_aside
from diptych.runs.choice import check_components, task_of
from diptych.runs.distributed.ranks import RankFailed, RankLost
from diptych.runs.distributed.rendezvous import Rendezvous, awaited_rendezvous
from diptych.runs.distributed.strategies import check_can_be_sharded, settled
from diptych.runs.distributed.topology import is_begun_beside, process_group, store_of
from diptych.runs.execution import Execution, beside_ranks, build, fit, open_store, topology_for, trainer_for
from diptych.runs.folder.identity import inherited_or_new_run_id, inherited_sweep
from diptych.runs.folder.layout import RunFolder, begun_by_another
from diptych.runs.folder.status import DONE, FAILED, LOST
from diptych.runs.lifecycle.record import (
    Progress,
    exclusive_lock,
    full_disk_named,
    gone_if_refused,
    recorded,
    refuse_if_alive,
)
from diptych.runs.lifecycle.redaction import described, run_info, told
from diptych.runs.lifecycle.signals import StopSignals
from diptych.runs.parts import borrow
from diptych.runs.requirements import check_parts, check_values, find_lenders, find_warm_start
from diptych.runs.trainer import CALLBACK_FACTS, quiet
from diptych.tracking import Trackers

log = logging.getLogger(__name__)


def check(config: Config, trust: Trust = None) -> None:
    """Refuse a configuration that cannot be run, before anything is loaded or written."""
    check_values(config)
    check_components(config, trust)
    check_parts(config["parts"])
    check_can_be_sharded(config["trainer"], components.find_class(config["system"], "system", trust))
    if config.get("features"):
        components.check(config["features"], "features", trust=trust)
    for group, facts in (("callbacks", CALLBACK_FACTS), ("tracking", ())):
        for name, node in config[group].items():
            if node:
                components.check(node, f"{group}.{name}", facts, trust)


def train(config: Config, overrides: Iterable[str] = ()) -> tuple[RunFolder, Progress]:
    """A new run of a resolved configuration, in a folder of its own."""
    check(config)
    outputs = Path(config["paths"]["outputs"])
    topology = topology_for(config)
    if not topology.is_first:
        return follow(awaited_rendezvous(topology, settled(config["trainer"])))
    warm, lenders = find_warm_start(config, outputs), find_lenders(config["parts"], outputs)
    with full_disk_named(outputs):
        folder = RunFolder.create(outputs, config["name"], inherited_or_new_run_id())
        folder.write_config(config)
        folder.write_task(task_of(config))
        folder.write_overrides(overrides)
    with gone_if_refused(folder), exclusive_lock(folder), recorded(folder) as progress:
        borrow(lenders, folder)
        _execute(Execution(folder, config, topology, warm_start=warm), progress)
    return folder, progress


def resume(folder: RunFolder, changes: Iterable[str] = (), trust: Trust = ()) -> tuple[RunFolder, Progress]:
    """Go on from the newest whole checkpoint, with its configuration and the `key=value` changes to it.

    Changes that were asked of an earlier start hold, even if it was killed before it saved anything.
    A run that was killed between its last checkpoint and saying that it is done says so now.
    """
    if is_begun_beside():
        execution = _again(folder, newest_checkpoint(folder), changes, trust)
        if not execution.topology.is_first:
            return follow(awaited_rendezvous(execution.topology, execution.settings))
    refuse_if_alive(folder)
    with exclusive_lock(folder):
        saved = newest_checkpoint(folder)
        execution = _again(folder, saved, changes, trust)
        is_over = _is_over(folder, saved, execution.config)
        if is_over and execution.topology.is_inherited:
            raise UserError(f"{folder.run_id} has nothing left to train: resume it without torchrun or srun, to say so")
        check(execution.config, trust)
        with recorded(folder, saved) as progress:
            if saved.damaged:
                log.warning(set_aside(saved))
            folder.write_config(execution.config)
            if is_over:
                progress.trackers = _trackers(execution, saved.images_seen)
            else:
                _execute(execution, progress, saved.images_seen)
    return folder, progress


def _again(folder: RunFolder, saved: CheckpointState, changes: Iterable[str], trust: Trust) -> Execution:
    config = changed({**saved.config, **_as_asked_last(folder)}, changes)
    return Execution(folder, config, topology_for(config), trust, checkpoint=saved.path)


def _as_asked_last(folder: RunFolder) -> Config:
    """What may change from start to execution, as the latest one had it; nothing where that cannot be read."""
    try:
        config = folder.read_config()
    except (OSError, UserError):
        return {}
    return {key: config[key] for key in CHANGEABLE if key in config}


def follow(rendezvous: Rendezvous) -> tuple[RunFolder, Progress]:
    """Train beside the first process of a run, as its rendezvous says."""
    folder = begun_by_another(Path(rendezvous.folder))
    warm, checkpoint = (Path(path) if path else None for path in (rendezvous.warm_start, rendezvous.checkpoint))
    return _beside(Execution(folder, folder.read_config(), rendezvous.topology, rendezvous.trust, warm, checkpoint))


def _is_over(folder: RunFolder, saved: CheckpointState, config: Config) -> bool:
    """Whether nothing is left to train; `UserError` where the run has said so already, or is asked for too little."""
    budget, seen = config["budget_images"], saved.images_seen
    is_done = folder.read_status().status == DONE
    if seen >= budget and budget != saved.config["budget_images"]:
        raise UserError(f"budget_images={budget:,}: {folder.run_id} has seen {seen:,} images already: give more")
    if seen >= budget and is_done:
        raise UserError(f"{folder.run_id} has seen {seen:,} of {budget:,} images: add budget_images=…")
    return not is_done and (seen >= budget or (saved.has_ended and config == saved.config))


def _execute(execution: Execution, progress: Progress, resume_images: int | None = None) -> None:
    """Build everything, then train until the budget is spent or something else ends the run."""

    def give_up(failure: RankFailed) -> None:
        log.error("%s", failure)
        status = LOST if isinstance(failure, RankLost) else FAILED
        execution.folder.write_status(status, str(failure), progress.images_seen, progress.best)

    with quiet():
        execution.folder.write_environment(described(execution.config, inherited_sweep()))
        store = open_store(execution)
        work = build(execution)
        progress.system = work.system
        progress.trackers = _trackers(execution, resume_images)
        with beside_ranks(execution, store, give_up):
            trainer = trainer_for(execution, work, progress.trackers, progress.signals)
            callbacks: Any = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
            progress.checkpoints = next((c for c in callbacks if isinstance(c, Checkpoints)), None)
            fit(trainer, execution, work, progress.signals)


def _beside(execution: Execution) -> tuple[RunFolder, Progress]:
    """Train in another process than the run's first, which is told nothing to write and writes nothing.

    A process that the first has started is ended by it, too: whatever signal comes before training is the first's.
    """
    with StopSignals(deferred=not execution.topology.is_inherited) as signals, quiet():
        work = build(execution)
        try:
            with process_group(
                execution.topology, store_of(execution.topology, execution.settings), execution.settings
            ):
                fit(trainer_for(execution, work, Trackers(), signals), execution, work, signals)
        finally:
            end_workers()
    return execution.folder, Progress(signals, system=work.system)


def _trackers(execution: Execution, resume_images: int | None) -> Trackers:
    folder, config = execution.folder, execution.config
    nodes = config["tracking"].items()
    trackers = Trackers(
        [components.build(node, f"tracking.{name}", {}, execution.trust) for name, node in nodes if node]
    )
    trackers.start(told(config), run_info(folder, resume_images))
    return trackers
