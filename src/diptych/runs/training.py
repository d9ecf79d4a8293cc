"""Train or resume one run, from Python, the command line and launchers."""

import logging
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from diptych.callbacks import Checkpoints
from diptych.config import Config, UserError, components
from diptych.config.components import Trust
from diptych.config.derived import left_behind, moved
from diptych.config.rhythm import shortened, too_seldom
from diptych.data.loading.loader import end_workers
from diptych.runs.checkpoint_state import CheckpointState, newest_checkpoint, set_aside
from diptych.runs.choice import check_components, task_of
from diptych.runs.data_location import keep_examples, with_absolute_paths
from diptych.runs.distributed.first_error import forget_errors, noted_errors
from diptych.runs.distributed.ranks import RankFailed, RankLost
from diptych.runs.distributed.rendezvous import Rendezvous, awaited_rendezvous
from diptych.runs.distributed.strategies import check_can_be_sharded, resolve_devices
from diptych.runs.distributed.topology import is_later_rank, process_group, store_of
from diptych.runs.execution import Execution, beside_ranks, build, fit, open_store, topology_for, trainer_for
from diptych.runs.folder.files import outputs_explained
from diptych.runs.folder.identity import inherited_or_new_run_id, inherited_sweep
from diptych.runs.folder.layout import RunFolder, await_run_folder
from diptych.runs.folder.status import DONE, FAILED, LOST
from diptych.runs.images.cached_features import check_cached_features
from diptych.runs.lifecycle.record import (
    RunRecord,
    exclusive_lock,
    full_disk_explained,
    keep_record,
    put_back_if_refused,
    refuse_if_alive,
    removed_if_refused,
)
from diptych.runs.lifecycle.redaction import redacted, run_info, start_record
from diptych.runs.lifecycle.signals import StopSignals
from diptych.runs.membership import keep_training_examples
from diptych.runs.parts import borrow, copies_of
from diptych.runs.requirements import check_parts, check_values, find_borrowed
from diptych.runs.resumption import resumed_config
from diptych.runs.trainer import CALLBACK_FACTS, quiet
from diptych.runs.trust import remember, trusted
from diptych.systems.parameter_counts import parameter_counts
from diptych.tracking import Trackers

log = logging.getLogger(__name__)


def check(config: Config, trust: Trust = None) -> None:
    """Refuse a configuration that cannot run, before anything is loaded or written."""
    check_values(config)
    check_components(config, trust)
    check_parts(config["parts"])
    check_cached_features(config, trust)
    check_can_be_sharded(config["trainer"], components.find_class(config["system"], "system", trust))
    if config.get("features"):
        components.check(config["features"], "features", trust=trust)
    for group, facts in (("callbacks", CALLBACK_FACTS), ("tracking", ())):
        for name, node in config[group].items():
            if node:
                components.check(node, f"{group}.{name}", facts, trust)


def checked(config: Config, trust: Trust = None) -> Config:
    """The configuration as a run begins with it; one that cannot run here is refused."""
    check(config, trust)
    config = with_absolute_paths(config, trust)
    topology_for(config)
    return config


def train(config: Config, overrides: Iterable[str] = ()) -> tuple[RunFolder, RunRecord]:
    """Train a new run of a resolved configuration, in its own folder."""
    config = checked(config)
    outputs = Path(config["paths"]["outputs"]).expanduser()
    topology = topology_for(config)
    if not topology.is_first:
        return train_rank(awaited_rendezvous(topology, resolve_devices(config["trainer"])))
    warm, lenders = find_borrowed(config)
    with full_disk_explained(outputs), outputs_explained():
        folder = RunFolder.create(outputs, config["name"], inherited_or_new_run_id())
        folder.write_config(config)
        folder.write_task(task_of(config))
        folder.write_overrides(overrides)
    with removed_if_refused(folder), exclusive_lock(folder), keep_record(folder) as record:
        borrow(lenders, folder)
        _execute(Execution(folder, config, topology, warm_start=warm), record)
    return folder, record


def resume(folder: RunFolder, changes: Iterable[str] = (), trust: Trust = ()) -> tuple[RunFolder, RunRecord]:
    """Resume from the newest intact checkpoint, with its configuration and the `key=value` changes to it.

    The changes of an earlier resume stay, even if it was killed before it saved anything. A run that was killed after
    its last checkpoint, before it recorded that it is done, records it now. `trust` names packages of your own, once a
    run (`diptych.runs.trust`).
    """
    if is_later_rank():
        execution = _resumed_execution(folder, newest_checkpoint(folder), changes, trust)
        if not execution.topology.is_first:
            return train_rank(awaited_rendezvous(execution.topology, execution.settings))
    refuse_if_alive(folder)
    with exclusive_lock(folder):
        state = newest_checkpoint(folder)
        execution = _resumed_execution(folder, state, changes, trust)
        is_over = _is_over(folder, state, execution.config)
        if is_over and execution.topology.is_inherited:
            raise UserError(
                f"{folder.run_id} has nothing left to train: resume it without torchrun or srun to record that"
            )
        check(execution.config, execution.trust)
        _remember_trust(execution, state)
        with keep_record(folder, state) as record, put_back_if_refused(folder, record):
            if state.damaged:
                log.warning(set_aside(state))
            for line in moved(state.config, execution.config):
                log.info("%s", line)
            for line in left_behind(state.config, execution.config):
                log.warning("%s", line)
            folder.write_config(execution.config)
            if is_over:
                record.trackers = _trackers(execution, state.images_seen)
            else:
                _execute(execution, record, state.images_seen)
    return folder, record


def _resumed_execution(folder: RunFolder, state: CheckpointState, changes: Iterable[str], given: Trust) -> Execution:
    """With the packages that were given or are remembered; other code than the checkpoint's needs to be given anew."""
    subject = state.subject.with_copies(copies_of(folder))
    trust = None if given is None else trusted(subject, given)
    config = resumed_config(folder, state.config, changes, trust)
    resumed = subject.with_config(config)
    if given is not None and not resumed.names_no_more_code_than(subject):
        trust = trusted(resumed, given)
    return Execution(folder, config, topology_for(config), trust, checkpoint=state.path)


def _remember_trust(execution: Execution, state: CheckpointState) -> None:
    """For the run as it was saved and as it goes on, to resume it and to use its checkpoints alone."""
    if execution.trust:
        copies = copies_of(execution.folder)
        for subject in (state.subject, state.subject.with_config(execution.config)):
            remember(subject, execution.trust)
            remember(subject.with_copies(copies), execution.trust)


def train_rank(rendezvous: Rendezvous) -> tuple[RunFolder, RunRecord]:
    """Train beside the first process of a run, from its rendezvous."""
    folder = await_run_folder(Path(rendezvous.folder))
    warm, checkpoint = (Path(path) if path else None for path in (rendezvous.warm_start, rendezvous.checkpoint))
    return _train_as_rank(
        Execution(folder, folder.read_config(), rendezvous.topology, rendezvous.trust, warm, checkpoint)
    )


def _is_over(folder: RunFolder, state: CheckpointState, config: Config) -> bool:
    """Whether nothing is left to train; `UserError` if the run is recorded as done or the budget is too small."""
    budget, seen = config["budget_images"], state.images_seen
    is_done = folder.read_status().status == DONE
    if seen >= budget and budget != state.config["budget_images"]:
        raise UserError(f"budget_images={budget:,}: {folder.run_id} has already seen {seen:,} images: increase it")
    if seen >= budget and is_done:
        raise UserError(f"{folder.run_id} has seen {seen:,} of {budget:,} images: add a larger budget_images=…")
    return not is_done and (seen >= budget or (state.has_ended and config == state.config))


def _execute(execution: Execution, record: RunRecord, resume_images: int | None = None) -> None:
    """Build everything, then train until the budget or anything else ends the run."""

    def give_up(failure: RankFailed) -> None:
        log.error("%s", failure)
        status = LOST if isinstance(failure, RankLost) else FAILED
        execution.folder.write_status(status, str(failure), record.images_seen, record.best)

    with quiet():
        forget_errors(execution.folder)
        execution.folder.write_environment(start_record(execution.config, inherited_sweep()))
        _tell_rhythm(execution)
        store = open_store(execution)
        built = build(execution)
        if execution.checkpoint is None:
            keep_examples(execution.folder, execution.config, built.data, execution.trust)
        execution.folder.write_parameters(parameter_counts(built.system))
        keep_training_examples(execution.folder, built.data, execution.warm_start)
        record.system, record.sentence = built.system, _a_sentence(built.data)
        record.trackers = _trackers(execution, resume_images)
        with beside_ranks(execution, store, give_up):
            trainer = trainer_for(execution, built, record.trackers, record.signals)
            callbacks: Any = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
            record.callbacks = callbacks
            record.checkpoints = next((c for c in callbacks if isinstance(c, Checkpoints)), None)
            fit(trainer, execution, built, record.signals)


def _tell_rhythm(execution: Execution) -> None:
    """Say how often a run validates, where that is not what its configuration says at first sight."""
    if execution.checkpoint is None and (said := shortened(execution.config)):
        log.info("%s", said)
    if said := too_seldom(execution.config):
        log.warning("%s", said)


def _a_sentence(data: Any) -> str:
    """A caption of the data, the first of the validation split; "" where there is none."""
    examples = getattr(data, "splits", {}).get("val")
    if examples is None or examples.size == 0 or not hasattr(examples, "captions_of"):
        return ""
    return next(iter(examples.captions_of(0)), "")


def _train_as_rank(execution: Execution) -> tuple[RunFolder, RunRecord]:
    """Train in a process that is not the run's first; it writes nothing to the run's folder.

    If the first process started this one, it also ends it: signals before training concern the first process only.
    """
    noted = partial(noted_errors, execution.folder, execution.topology.rank)
    with StopSignals(deferred=not execution.topology.is_inherited) as signals, quiet(), noted():
        built = build(execution)
        try:
            store = store_of(execution.topology, execution.settings)
            with process_group(execution.topology, store, execution.settings), noted():  # before connections close
                fit(trainer_for(execution, built, Trackers(), signals), execution, built, signals)
        finally:
            end_workers()
    return execution.folder, RunRecord(signals, system=built.system)


def _trackers(execution: Execution, resume_images: int | None) -> Trackers:
    folder, config = execution.folder, execution.config
    nodes = config["tracking"].items()
    trackers = Trackers(
        [components.build(node, f"tracking.{name}", {}, execution.trust) for name, node in nodes if node]
    )
    trackers.start(redacted(config), run_info(folder, resume_images))
    return trackers
