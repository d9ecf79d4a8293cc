"""One training run from beginning to end, callable from Python, the command line and launchers."""

import logging
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

from pytorch_lightning import LightningDataModule
from pytorch_lightning.utilities.exceptions import SIGTERMException

from diptych.callbacks import Checkpoints, TrainingDiverged
from diptych.callbacks.durable import NO_ROOM, NotSaved, not_saved
from diptych.config import UserError, components
from diptych.config.components import Trust
from diptych.data.loader import end_workers
from diptych.runs import environment
from diptych.runs.build import Config, build_data, build_system, check_components, read_checkpoint
from diptych.runs.finding import find_run
from diptych.runs.folder import RunFolder
from diptych.runs.identity import check_name, inherited_or_new_run_id, inherited_sweep
from diptych.runs.lock import LockHeld, locked
from diptych.runs.logs import logging_to
from diptych.runs.parts import borrow, check_parts, find_lenders, load_parts
from diptych.runs.randomness import seed_everything
from diptych.runs.saved import Saved, newest_saved, set_aside
from diptych.runs.status import DIVERGED, DONE, FAILED, RUNNING, STOPPED
from diptych.runs.stopping import Stopped, StopSignals
from diptych.runs.trainer import CALLBACK_FACTS, Equipment, make_trainer, prepare_machine, quiet, repeat_first_batch
from diptych.systems.base import System
from diptych.tracking import RunInfo, Trackers

log = logging.getLogger(__name__)


@dataclass
class Progress:
    """What status.json is told when a run ends, however it ends.

    `begun_images` and `begun_best` are where it was when this start began.
    """

    signals: StopSignals
    begun_images: int = 0
    begun_best: float | None = None
    system: System | None = None
    trackers: Trackers | None = None
    checkpoints: Checkpoints | None = None
    lines: tuple[str, ...] = ()

    @property
    def images_seen(self) -> int:
        return max(self.begun_images, self.system.images_seen if self.system else 0)

    @property
    def best(self) -> float | None:
        reached = self.checkpoints.best.value if self.checkpoints else None
        return self.begun_best if reached is None else reached


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
    lenders = find_lenders(config["parts"], outputs)
    with full_disk_named(outputs):
        folder = RunFolder.create(outputs, config["name"], inherited_or_new_run_id())
        folder.write_config(config)
        folder.write_overrides(overrides)
    with _gone_if_refused(folder), _recorded(folder) as progress:
        borrow(lenders, folder)
        _execute(folder, config, progress, warm_start=warm)
    return folder, progress


def resume(folder: RunFolder, config: Config, trust: Trust = ()) -> tuple[RunFolder, Progress]:
    """Go on from the newest whole checkpoint, with its configuration or one that `changed_config` made of it.

    A run that was killed between its last checkpoint and saying that it is done says so now.
    """
    _refuse_if_alive(folder)
    saved = newest_saved(folder)
    is_over = _is_over(folder, saved, config)
    check(config, trust)
    with _recorded(folder, saved) as progress:
        if saved.damaged:
            log.warning(set_aside(saved))
        folder.write_config(config)
        if is_over:
            progress.trackers = _trackers(folder, config, saved.images_seen, trust)
        else:
            _execute(folder, config, progress, trust=trust, saved=saved)
    return folder, progress


def _is_over(folder: RunFolder, saved: Saved, config: Config) -> bool:
    """Whether nothing is left to train; `UserError` where the run has said so already, and is asked for no more."""
    is_spent = saved.images_seen >= config["budget_images"]
    if folder.read_status().status != DONE:
        return is_spent or (saved.content.get("ended", False) and config == saved.content["config"])
    if is_spent:
        seen = f"{saved.images_seen:,} of {config['budget_images']:,}"
        raise UserError(f"{folder.run_id} has seen {seen} images: add budget_images=…")
    return False


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
def _recorded(folder: RunFolder, saved: Saved | None = None) -> Iterator[Progress]:
    """Keep log.txt, environment.json and status.json of one start, and close the trackers with its status."""
    signals = StopSignals()
    progress = Progress(signals, saved.images_seen, saved.best) if saved else Progress(signals)
    with _in_hand(folder), logging_to(folder.log), signals:
        status, why = FAILED, ""
        try:
            with full_disk_named(folder.path):
                folder.write_status(RUNNING, "", progress.images_seen, progress.best)
                yield progress
            status = DONE
        except (Stopped, NotSaved) as stop:
            status, why = STOPPED, str(stop)
            stop.add_note(_how_to_go_on(folder, progress))
            raise
        except BaseException as error:
            status = DIVERGED if isinstance(error, TrainingDiverged) else FAILED
            why = f"{type(error).__name__}: {error}"
            with suppress(OSError), folder.log.open("a", encoding="utf-8") as file:
                traceback.print_exc(file=file)
            raise
        finally:
            signals.deferred = True  # it ends anyway
            end_workers()
            _say_how_it_ended(folder, status, why, progress)


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Say of which disk it is that there is no room on it; `path` where the system names none."""
    try:
        yield
    except OSError as error:
        if isinstance(error, NotSaved) or error.errno not in NO_ROOM:
            raise
        raise not_saved(Path(error.filename or path), error) from error


def _say_how_it_ended(folder: RunFolder, status: str, why: str, progress: Progress) -> None:
    """A full disk may keep status.json from saying it; the exit code does then."""
    try:
        folder.write_status(status, why, progress.images_seen, progress.best)
    except OSError as error:
        failure = not_saved(folder.path / "status.json", error)
        log.warning("%s", failure)
        if status == DONE:
            raise failure from error
    finally:
        if progress.trackers:
            progress.lines = tuple(progress.trackers.finish(status))


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
    status = folder.read_status()
    if status.is_alive:
        raise UserError(f"{folder.path} is being trained by process {status.pid}: stop that one first")


def _how_to_go_on(folder: RunFolder, progress: Progress) -> str:
    """For people: where the stopped run lies, and the command that goes on with it."""
    if not folder.has_saved:
        return f"{folder.shown} has no checkpoint yet: begin anew"
    return f"it has seen {progress.images_seen:,} images; go on with\ndiptych resume {folder.shown}"


def _execute(
    folder: RunFolder,
    config: Config,
    progress: Progress,
    trust: Trust = None,
    warm_start: Path | None = None,
    saved: Saved | None = None,
) -> None:
    """Build everything, then train until the budget is spent or something else ends the run."""
    with quiet():
        prepare_machine(config["trainer"])
        folder.write_environment(environment.describe())
        seed_everything(config["seed"])
        data = build_data(config, trust)
        progress.system = _system(folder, config, data, trust, warm_start)
        if config["trainer"]["overfit_batch"]:
            repeat_first_batch(data)
        progress.trackers = _trackers(folder, config, saved.images_seen if saved else None, trust)
        equipment = Equipment(folder, config, data, progress.trackers, progress.signals, trust)
        trainer = make_trainer(equipment)
        progress.checkpoints = next((c for c in trainer.callbacks if isinstance(c, Checkpoints)), None)  # pyright: ignore
        progress.signals.deferred = True
        checkpoint = str(saved.path) if saved else None
        try:
            trainer.fit(progress.system, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        except SIGTERMException:  # Lightning's own, with exit code 0, where it saw the signal before us
            raise Stopped(SIGTERM) from None


def _system(
    folder: RunFolder, config: Config, data: LightningDataModule, trust: Trust, warm_start: Path | None
) -> System:
    parts = load_parts(config["parts"], folder, trust)
    seed_everything(config["seed"])
    system = build_system(config, data.spec, parts, trust)  # pyright: ignore[reportAttributeAccessIssue]
    if warm_start:
        _warm_start(system, warm_start)
    return system


def _warm_start(system: System, checkpoint: Path) -> None:
    """Take over another run's weights; its optimisers, counts and random states stay behind."""
    try:
        system.load_state_dict(read_checkpoint(checkpoint)["state_dict"])
    except RuntimeError as error:
        raise UserError(f"init_from: {checkpoint} holds other networks than this run's. {error}") from None
    log.info("weights taken from %s", checkpoint)


def _trackers(folder: RunFolder, config: Config, resume_images: int | None, trust: Trust) -> Trackers:
    nodes = config["tracking"].items()
    trackers = Trackers([components.build(node, f"tracking.{name}", {}, trust) for name, node in nodes if node])
    info = RunInfo(folder.run_id, folder.experiment, folder.path, resume_images, inherited_sweep())
    trackers.start(config, info)
    return trackers
