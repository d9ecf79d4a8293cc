"""One training run from beginning to end, callable from Python, the command line and launchers."""

import logging
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych.callbacks import Checkpoints, TrainingDiverged
from diptych.config import UserError, components
from diptych.config.components import Trust
from diptych.runs.build import Config, check_components, read_checkpoint
from diptych.runs.crew import Order, RankFailed, RankLost
from diptych.runs.disclosure import described, run_info, told
from diptych.runs.finding import find_run
from diptych.runs.folder import RunFolder, begun_by_another
from diptych.runs.identity import check_name, inherited_or_new_run_id, inherited_sweep
from diptych.runs.lock import LockHeld, is_locked, locked
from diptych.runs.logs import logging_to
from diptych.runs.parts import borrow, check_parts, find_lenders
from diptych.runs.places import meeting_point, together
from diptych.runs.preemption import await_the_end, is_preemption
from diptych.runs.starts import Start, build, fit, in_company, place_for, trainer_for
from diptych.runs.status import DIVERGED, DONE, FAILED, LOST, PREEMPTED, PRUNED, RUNNING, STOPPED, host_name
from diptych.runs.stopping import Pruned, Stopped, StopSignals
from diptych.runs.strategies import check_can_be_sharded
from diptych.runs.trainer import CALLBACK_FACTS, quiet
from diptych.systems.base import System
from diptych.tracking import Trackers

log = logging.getLogger(__name__)

LABELS = ((TrainingDiverged, DIVERGED), (RankLost, LOST))
"""What a run is called that ended with these errors; with others it has failed."""


@dataclass
class Progress:
    """What status.json is told when a run ends, however it ends."""

    system: System | None = None
    trackers: Trackers | None = None
    checkpoints: Checkpoints | None = None
    lines: tuple[str, ...] = ()

    @property
    def images_seen(self) -> int:
        return self.system.images_seen if self.system else 0

    @property
    def best(self) -> float | None:
        return self.checkpoints.best.value if self.checkpoints else None


def check(config: Config, trust: Trust = None) -> None:
    """Refuse a configuration that cannot be run, before anything is loaded or written."""
    if config["mode"] not in ("min", "max"):
        raise UserError(f"mode={config['mode']!r}: say whether the monitored figure is best at its min or its max")
    for key in ("budget_images", "validate_every_images"):
        if config[key] <= 0:
            raise UserError(f"{key}={config[key]}: give a positive number of images")
    if config["seed"] < 0:
        raise UserError(f"seed={config['seed']}: give a whole number from 0")
    check_name(config["name"])
    check_components(config, trust)
    check_parts(config["parts"])
    check_can_be_sharded(config["trainer"], config["system"]["_target_"])
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
    warm = find_run(config["init_from"], outputs).checkpoint() if config["init_from"] else None
    place = place_for(config)
    if not place.is_first:
        return _beside(Start(begun_by_another(outputs, config["name"]), config, place, warm_start=warm))
    lenders = find_lenders(config["parts"], outputs)
    folder = RunFolder.create(outputs, config["name"], inherited_or_new_run_id())
    folder.write_config(config)
    folder.write_overrides(overrides)
    with _gone_if_refused(folder), _preemptible(folder), _recorded(folder) as progress:
        borrow(lenders, folder)
        _execute(Start(folder, config, place, warm_start=warm), progress)
    return folder, progress


def resume(folder: RunFolder, config: Config, trust: Trust = ()) -> tuple[RunFolder, Progress]:
    """Go on from `last.ckpt`, with the checkpoint's configuration or one that `changed_config` made of it."""
    place = place_for(config)
    if not place.is_first:
        return _beside(Start(folder, config, place, trust, resumes=True))
    _refuse_if_alive(folder)
    checkpoint = read_checkpoint(folder.last)
    if checkpoint["images_seen"] >= config["budget_images"]:
        seen = checkpoint["images_seen"]
        raise UserError(f"{folder.run_id} has seen {seen:,} of {config['budget_images']:,} images: add budget_images=…")
    check(config, trust)
    folder.write_config(config)
    with _preemptible(folder), _recorded(folder) as progress:
        _execute(Start(folder, config, place, trust, resumes=True), progress, checkpoint["images_seen"])
    return folder, progress


def follow(order: Order) -> None:
    """Train beside the first process of a run, which has begun this one."""
    folder = RunFolder(Path(order.folder))
    warm = Path(order.warm_start) if order.warm_start else None
    _beside(Start(folder, folder.read_config(), order.place, order.trust, warm, order.resumes))


@contextmanager
def _gone_if_refused(folder: RunFolder) -> Iterator[None]:
    """Take away the folder of a new run that was refused before its first step: it holds nothing but the mistake."""
    try:
        yield
    except ValueError:
        if folder.read_status().images_seen == 0:
            folder.remove()
        raise


@contextmanager
def _preemptible(folder: RunFolder) -> Iterator[None]:
    """With all written down, wait for the end of a job whose machine is taken away."""
    before = folder.saved
    try:
        yield
    except Stopped as stop:
        if is_preemption(stop.signum):
            await_the_end(stop.signum, has_saved=folder.saved != before)
        raise


@contextmanager
def _recorded(folder: RunFolder) -> Iterator[Progress]:
    """Keep log.txt, environment.json and status.json of one start, and close the trackers with its status."""
    progress = Progress()
    with _in_hand(folder), logging_to(folder.log):
        if folder.read_status().status != RUNNING:
            folder.prune.unlink(missing_ok=True)  # it was asked of an earlier start, which did end
        folder.write_status(RUNNING)
        status, why = FAILED, ""
        try:
            yield progress
            status = DONE
        except Stopped as stop:
            status, why = PREEMPTED if is_preemption(stop.signum) else STOPPED, str(stop)
            stop.add_note(_how_to_go_on(folder, progress))
            raise
        except Pruned as pruned:
            status, why = PRUNED, str(pruned)
            log.info("pruned: %s", why)
        except BaseException as error:
            status = next((label for kind, label in LABELS if isinstance(error, kind)), FAILED)
            why = f"{type(error).__name__}: {error}"
            with folder.log.open("a", encoding="utf-8") as file:
                traceback.print_exc(file=file)
            raise
        finally:
            folder.write_status(status, why, progress.images_seen, progress.best)
            _close_trackers(folder, progress, status)


@contextmanager
def _in_hand(folder: RunFolder) -> Iterator[None]:
    """Nobody else trains the run meanwhile."""
    try:
        with locked(folder.lock):
            yield
    except LockHeld:
        _refuse_if_alive(folder)
        raise UserError(f"{folder.path} is being trained by another process: stop that one first") from None


def _refuse_if_alive(folder: RunFolder) -> None:
    """A process of another machine is asked for by the lock, since nobody can see from here whether it lives."""
    status = folder.read_status()
    if status.is_alive and (status.host == host_name() or is_locked(folder.lock)):
        raise UserError(f"{folder.path} is being trained by process {status.pid}: stop that one first")


def _how_to_go_on(folder: RunFolder, progress: Progress) -> str:
    """For people: where the stopped run lies, and the command that goes on with it."""
    if not folder.last.exists():
        return f"{folder.shown} has no checkpoint yet: begin anew"
    return f"it has seen {progress.images_seen:,} images; go on with\ndiptych resume {folder.shown}"


def _execute(start: Start, progress: Progress, resume_images: int | None = None) -> None:
    """Build everything, then train until the budget is spent or something else ends the run."""

    def give_up(failure: RankFailed) -> None:
        log.error("%s", failure)
        status = LOST if isinstance(failure, RankLost) else FAILED
        start.folder.write_status(status, str(failure), progress.images_seen, progress.best)

    with StopSignals() as signals, quiet():
        start.folder.write_environment(described(start.config, inherited_sweep()))
        work = build(start)
        progress.system = work.system
        progress.trackers = _trackers(start, resume_images)
        with in_company(start, give_up):
            trainer = trainer_for(start, work, progress.trackers, signals)
            callbacks: Any = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
            progress.checkpoints = next((c for c in callbacks if isinstance(c, Checkpoints)), None)
            fit(trainer, start, work, signals)


def _beside(start: Start) -> tuple[RunFolder, Progress]:
    """Train in another process than the run's first, which is told nothing to write and writes nothing."""
    with StopSignals() as signals, quiet():
        work = build(start)
        with together(start.place, meeting_point(start.place, start.settings), start.settings):
            fit(trainer_for(start, work, Trackers(), signals), start, work, signals)
    return start.folder, Progress(work.system)


def _trackers(start: Start, resume_images: int | None) -> Trackers:
    folder, config = start.folder, start.config
    nodes = config["tracking"].items()
    trackers = Trackers([components.build(node, f"tracking.{name}", {}, start.trust) for name, node in nodes if node])
    trackers.start(told(config), run_info(folder, resume_images))
    return trackers


def _close_trackers(folder: RunFolder, progress: Progress, status: str) -> None:
    """Tell them how the run ended, in the words of status.json."""
    if progress.trackers is None:
        return
    best = {} if progress.best is None else {"best": progress.best}
    progress.trackers.summary({"images_seen": progress.images_seen, **best})
    if status == DONE and progress.checkpoints:
        images = progress.checkpoints.best.images if folder.best.exists() else progress.images_seen
        progress.trackers.checkpoint(folder.checkpoint(), images)
    progress.lines = tuple(progress.trackers.finish(status))
