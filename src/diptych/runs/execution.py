"""One start of a run in one process: its parts are built, and it trains, alone or beside the run's other processes."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from signal import SIGTERM
from typing import Any

import numpy as np
from pytorch_lightning import LightningDataModule, Trainer
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

from diptych.config import Config, UserError
from diptych.config.components import Trust
from diptych.runs.build import build_data, build_system
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.distributed.ranks import RankFailed, crew_of
from diptych.runs.distributed.rendezvous import Order, leave_order
from diptych.runs.distributed.strategies import settled
from diptych.runs.distributed.topology import Place, inherited_place, meeting_point, together
from diptych.runs.folder.layout import RunFolder
from diptych.runs.lifecycle.signals import Stopped, StopSignals
from diptych.runs.parts import load_parts
from diptych.runs.randomness import seed_everything
from diptych.runs.trainer import Equipment, make_trainer, prepare_machine, repeat_first_batch
from diptych.systems.base import System
from diptych.systems.joint_norm import use_joint_norms
from diptych.tracking import Trackers

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """What is begun, and this process's place in it; `warm_start` is a checkpoint whose weights are taken over.

    It goes on from `checkpoint`, where there is one.
    """

    folder: RunFolder
    config: Config
    place: Place = field(default_factory=Place)
    trust: Trust = None
    warm_start: Path | None = None
    checkpoint: Path | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Of the trainer, with the number of devices filled in."""
        return settled(self.config["trainer"])

    def order(self, place: Place) -> Order:
        """For the run's process in another place."""
        trust = None if self.trust is None else sorted(self.trust)
        warm, checkpoint = (str(path) if path else None for path in (self.warm_start, self.checkpoint))
        return Order(str(self.folder.path), place, trust, warm, checkpoint)


@dataclass(frozen=True)
class Work:
    """What a start has built: the data, and the system that learns from them."""

    data: LightningDataModule
    system: System


def place_for(config: Config) -> Place:
    """Where this process stands: as torchrun or srun says, else first of those that the settings ask for."""
    settings = settled(config["trainer"])
    place = inherited_place(settings) or Place(world_size=settings["devices"])
    batch_size = config["data"].get("batch_size", 0)
    if batch_size % place.world_size:
        raise UserError(
            f"data.batch_size={batch_size}: it counts the examples of all {place.world_size} devices together and must "
            "be a multiple of that number"
        )
    return place


def build(start: Start) -> Work:
    """Data first, then the system; the same on every device, but for what is drawn at random later."""
    config = start.config
    prepare_machine(start.settings)
    seed_everything(config["seed"])
    data: Any = build_data(config, start.trust)
    size = data.splits["val"].size if hasattr(data, "splits") else None
    if size is not None and size < start.place.world_size:
        raise UserError(
            f"there are {size} validation examples for {start.place.world_size} devices: raise data.val_size"
        )
    parts = load_parts(config["parts"], start.folder, start.trust)
    seed_everything(config["seed"])
    system = build_system(config, data.spec, parts, start.trust)
    if start.warm_start:
        _warm_start(system, start.warm_start)
    if start.place.world_size > 1:
        use_joint_norms(system)
        if not start.place.is_first:
            seed_everything(int(np.random.SeedSequence((config["seed"], start.place.rank)).generate_state(1)[0]))
    if config["trainer"]["overfit_batch"]:
        repeat_first_batch(data)
    return Work(data, system)


def open_meeting(start: Start) -> TCPStore | None:
    """Where the run's processes meet, None where there is but one; those that are there already find their order."""
    if start.settings["strategy"] is None:
        return None
    store = meeting_point(start.place, start.settings)
    if start.place.is_inherited:
        leave_order(start.order(start.place), store)
    return store


@contextmanager
def in_company(start: Start, store: TCPStore | None, give_up: Callable[[RankFailed], None]) -> Iterator[None]:
    """Beside all other processes of the run, which the first one starts and ends unless somebody else has."""
    if store is None:
        yield
        return
    others = [] if start.place.is_inherited else replace(start.place, port=store.port).others()
    orders = [start.order(place) for place in others]
    with crew_of(orders, start.folder, give_up), together(start.place, store, start.settings):
        yield


def trainer_for(start: Start, work: Work, trackers: Trackers, signals: StopSignals) -> Trainer:
    """With all callbacks; to be made in company."""
    equipment = Equipment(
        start.folder, start.config, start.settings, work.data, trackers, signals, start.trust, start.place
    )
    return make_trainer(equipment)


def fit(trainer: Trainer, start: Start, work: Work, signals: StopSignals) -> None:
    """Train from the beginning or from where the run stood, until something ends it."""
    signals.deferred = True
    checkpoint = str(start.checkpoint) if start.checkpoint else None
    try:
        trainer.fit(work.system, datamodule=work.data, ckpt_path=checkpoint, weights_only=True)
    except SIGTERMException:  # Lightning's own, with exit code 0, where it saw the signal before us
        raise Stopped(SIGTERM) from None
    except RuntimeError as error:
        if isinstance(error.__context__, Stopped):  # torch raises its own where a write of its is interrupted
            raise error.__context__ from None
        raise


def _warm_start(system: System, checkpoint: Path) -> None:
    """Take over another run's weights; its optimisers, counts and random states stay behind."""
    try:
        system.load_state_dict(read_checkpoint(checkpoint)["state_dict"])
    except RuntimeError as error:
        raise UserError(f"init_from: {checkpoint} holds other networks than this run's. {error}") from None
    log.info("weights taken from %s", checkpoint)
