"""Write last.ckpt every interval and at every end, best.ckpt at the best validation; each write is all or nothing.

Checkpoints are written between training steps only, and after the validation where one is due, so that training
resumes exactly. An error inside a step leaves the last interval's file. The earlier last.ckpt stays as previous.ckpt.
"""

import logging
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.plugins.io import TorchCheckpointIO

from diptych.callbacks.best import Best, chance_warning, few_examples_hint
from diptych.callbacks.durable import PARTIAL_SUFFIX, DurableCheckpointIO, NotSaved, not_saved
from diptych.callbacks.health import TrainingDiverged
from diptych.callbacks.rhythm import Every, is_fitting, validation_follows

LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"
_log = logging.getLogger(__name__)


class Checkpoints(Callback):
    """A failed save stops the run (`NotSaved`); the earlier files stay, and the run can resume from them.

    The trackers are flushed before each save, or a resumed run would lack the earlier figures for ever.
    """

    def __init__(
        self, *, checkpoints_folder: Path, monitor: str | None, mode: str, every_images: int, trackers: Any = None
    ) -> None:
        self.folder = checkpoints_folder
        self.trackers = trackers
        self.best = Best(monitor, mode)
        self._every = Every(every_images, "callbacks.checkpoints.every_images")
        self._due = False
        self._between_steps = False
        self._saved_images = -1
        self._io = DurableCheckpointIO(kept={LAST: PREVIOUS})

    def setup(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = self._io
        for name in (LAST, PREVIOUS, BEST):
            (self.folder / (name + PARTIAL_SUFFIX)).unlink(missing_ok=True)

    def on_sanity_check_end(self, trainer: Trainer, pl_module: Any) -> None:
        self.best.check(trainer.callback_metrics, few_examples_hint(trainer))
        if warning := chance_warning(trainer, self.best.monitor):
            _log.warning(warning)

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self._every.start(pl_module.images_seen)
        if self.best.monitor is None:
            _log.warning("no figure is monitored: there will be no best.ckpt, only last.ckpt (add monitor=val/…)")
        elif self.best.value is not None and not (self.folder / BEST).exists():
            _log.warning("best.ckpt is gone: the best validation from now on replaces it")
            self.best.forget()

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self._between_steps = False

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._between_steps = not validation_follows(trainer)
        self._due |= self._every.due(pl_module.images_seen)
        if (self._due or trainer.should_stop) and self._between_steps:
            self.save_last(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        if not is_fitting(trainer):
            return
        self._between_steps = True
        if self.best.update(trainer.callback_metrics, pl_module.images_seen):
            self._save(trainer, BEST)
        if self._due or trainer.should_stop:
            self.save_last(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        if self._saved_images != pl_module.images_seen:
            self.save_last(trainer)
        self._between_steps = False

    def on_exception(self, trainer: Trainer, pl_module: Any, exception: BaseException) -> None:
        progress: Any = trainer.fit_loop.epoch_loop.batch_progress.total
        between_steps = self._between_steps and progress.ready == progress.processed
        if trainer.world_size > 1:  # saving needs all processes, and they stop here together only for a signal
            between_steps &= getattr(exception, "between_steps", False)
        is_new = self._saved_images != pl_module.images_seen and not isinstance(exception, NotSaved)
        if between_steps and is_new:
            try:
                self.save_last(trainer)
            except (TrainingDiverged, NotSaved) as error:
                _log.warning("not saved: %s", error)

    def save_last(self, trainer: Trainer) -> None:
        """Write last.ckpt now; call it between training steps only."""
        self._save(trainer, LAST)
        self._saved_images = trainer.lightning_module.images_seen  # pyright: ignore[reportAttributeAccessIssue]
        self._due = False

    def state_dict(self) -> dict[str, Any]:
        return self.best.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best.load_state_dict(state_dict)

    def _save(self, trainer: Trainer, name: str) -> None:
        """Flush the figures, then save the state; a failure on one rank is raised on all."""
        path = self.folder / name
        if self.trackers is not None:
            _raise_together(trainer, path, self.trackers.flush())
        trainer.save_checkpoint(path)
        _raise_together(trainer, path, self._io.failure)


def _raise_together(trainer: Trainer, path: Path, failure: OSError | None) -> None:
    failure = trainer.strategy.broadcast(failure)
    if failure is not None:
        raise not_saved(Path(failure.filename or path), failure)
