"""One training run from beginning to end, callable from Python, the command line and launchers."""

import logging
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pytorch_lightning import LightningDataModule

from diptych.callbacks import Checkpoints, TrainingDiverged
from diptych.config import UserError, components
from diptych.config.components import Trust
from diptych.runs.build import Config, build_data, build_system, check_components, read_checkpoint
from diptych.runs.disclosure import described, run_info, told
from diptych.runs.finding import find_run
from diptych.runs.folder import RunFolder
from diptych.runs.identity import check_name, inherited_or_new_run_id, inherited_sweep
from diptych.runs.lock import LockHeld, locked
from diptych.runs.logs import logging_to
from diptych.runs.parts import borrow, check_parts, find_lenders, load_parts
from diptych.runs.randomness import seed_everything
from diptych.runs.status import DIVERGED, DONE, FAILED, RUNNING, STOPPED
from diptych.runs.stopping import Stopped, StopSignals
from diptych.runs.trainer import CALLBACK_FACTS, Equipment, make_trainer, prepare_machine, quiet, repeat_first_batch
from diptych.systems.base import System
from diptych.tracking import Trackers

log = logging.getLogger(__name__)


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
    folder = RunFolder.create(outputs, config["name"], inherited_or_new_run_id())
    folder.write_config(config)
    folder.write_overrides(overrides)
    with _gone_if_refused(folder), _recorded(folder) as progress:
        borrow(lenders, folder)
        _execute(folder, config, progress, warm_start=warm)
    return folder, progress


def resume(folder: RunFolder, config: Config, trust: Trust = ()) -> tuple[RunFolder, Progress]:
    """Go on from `last.ckpt`, with the checkpoint's configuration or one that `changed_config` made of it."""
    _refuse_if_alive(folder)
    checkpoint = read_checkpoint(folder.last)
    if checkpoint["images_seen"] >= config["budget_images"]:
        seen = checkpoint["images_seen"]
        raise UserError(f"{folder.run_id} has seen {seen:,} of {config['budget_images']:,} images: add budget_images=…")
    check(config, trust)
    folder.write_config(config)
    with _recorded(folder) as progress:
        _execute(folder, config, progress, trust=trust, resume_images=checkpoint["images_seen"])
    return folder, progress


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
def _recorded(folder: RunFolder) -> Iterator[Progress]:
    """Keep log.txt, environment.json and status.json of one start, and close the trackers with its status."""
    progress = Progress()
    with _in_hand(folder), logging_to(folder.log):
        folder.write_status(RUNNING)
        status, why = FAILED, ""
        try:
            yield progress
            status = DONE
        except Stopped as stop:
            status, why = STOPPED, str(stop)
            stop.add_note(_how_to_go_on(folder, progress))
            raise
        except BaseException as error:
            status = DIVERGED if isinstance(error, TrainingDiverged) else FAILED
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
    status = folder.read_status()
    if status.is_alive:
        raise UserError(f"{folder.path} is being trained by process {status.pid}: stop that one first")


def _how_to_go_on(folder: RunFolder, progress: Progress) -> str:
    """For people: where the stopped run lies, and the command that goes on with it."""
    if not folder.last.exists():
        return f"{folder.shown} has no checkpoint yet: begin anew"
    return f"it has seen {progress.images_seen:,} images; go on with\ndiptych resume {folder.shown}"


def _execute(
    folder: RunFolder,
    config: Config,
    progress: Progress,
    trust: Trust = None,
    warm_start: Path | None = None,
    resume_images: int | None = None,
) -> None:
    """Build everything, then train until the budget is spent or something else ends the run."""
    with StopSignals() as signals, quiet():
        prepare_machine(config["trainer"])
        folder.write_environment(described(config, inherited_sweep()))
        seed_everything(config["seed"])
        data = build_data(config, trust)
        progress.system = _system(folder, config, data, trust, warm_start)
        if config["trainer"]["overfit_batch"]:
            repeat_first_batch(data)
        progress.trackers = _trackers(folder, config, resume_images, trust)
        equipment = Equipment(folder, config, data, progress.trackers, signals, trust)
        trainer = make_trainer(equipment)
        progress.checkpoints = next((c for c in trainer.callbacks if isinstance(c, Checkpoints)), None)  # pyright: ignore
        signals.deferred = True
        checkpoint = str(folder.last) if resume_images is not None else None
        trainer.fit(progress.system, datamodule=data, ckpt_path=checkpoint, weights_only=True)


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
