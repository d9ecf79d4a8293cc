"""What every system shares: progress counted in images, its own randomness, and how it logs.

A system is a LightningModule: an algorithm that trains models. Networks, losses and optimiser constructors are
handed in; a system reads no configuration. Lightning counts one `global_step` per optimiser step, which means
nothing for a GAN, so `images_seen` (real examples drawn, or image-caption pairs) is the only measure of progress:
budgets, schedules, checkpoints, EMA and every tracker's x-axis use it.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pytorch_lightning import Callback, LightningModule
from torch import Tensor

from diptych.systems.accumulation import NOTHING, Accumulation, MicroBatch, rows, split
from diptych.systems.coupling import coupled_parts
from diptych.systems.devices import average, average_gradients, own_rank
from diptych.systems.modes import once_a_step
from diptych.systems.optimizers import check_finite, clip, parameters_of, set_learning_rate
from diptych.systems.schedules import Schedule
from diptych.types import DataSpec

Figures = dict[str, Tensor | float]
"""Values to log, by name."""
Losses = Mapping[str, Tensor]
"""Loss terms by the name under which they are logged: one value an example, or their mean."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """What a configuration has chosen, before any data are loaded.

    `settings` are the system's own values; `networks`, `terms` and `augmentations` hold the classes that are chosen, by
    role and by key, `recipe` those of all other roles (the objective, …). `parts` names what is borrowed from other
    runs. `on_trial` builds what has a role, or a key such as terms.NAME, without weights and data, or gives its class
    where that cannot be done. With `has_uncaptioned`, some training pictures have no captions.
    """

    settings: Mapping[str, Any]
    networks: Mapping[str, Any]
    terms: Mapping[str, Any]
    augmentations: Mapping[str, Any]
    recipe: Mapping[str, Any]
    parts: Collection[str]
    on_trial: Callable[[str], Any]
    has_uncaptioned: bool = False


class System(LightningModule):
    """Base of all systems. `seed` starts `self.rng`, the source of all randomness but dropout's and pixel noise's.

    `self.rng` is alike on all devices: what is drawn from it is drawn for the joint batch. Dropout and pixel noise draw
    from torch's global generator, which each device has for itself. `SHARDED` names networks whose weights may lie in
    shards on several devices, if any. `OPTIMIZERS` names the optimisers in the order of `configure_optimizers`; what is
    logged of each begins with its name. `schedule` multiplies their learning rates (None: constant), `max_grad_norm`
    clips the gradient of each (None: not at all). `micro_batch_size` is how many examples a device computes at a time
    (None: its whole share of the batch). `task` is an open word for what the system is trained for. One that
    `learns_from_pictures_alone` takes batches in which some pictures have no captions. `generates_with` names parts of
    other runs that it cannot generate without; they have `scope: generation`. One that `reads_cached_features`
    takes those of its `image_encoder` from `Batch.features` where there are some.

    `blueprints` are what checkpoints carry of networks that no configuration alone tells how to build, by role.
    `carried` is what every checkpoint carries besides, plain values; `companions` are callbacks that go with the system
    to any Trainer. Both are empty in runs, which bring their own. With `is_warm` it starts from another run's weights.
    """

    task: str = ""
    learns_from_pictures_alone: ClassVar[bool] = False
    generates_with: ClassVar[tuple[str, ...]] = ()
    reads_cached_features: ClassVar[bool] = False
    SHARDED: ClassVar[tuple[str, ...]] = ()
    OPTIMIZERS: ClassVar[tuple[str, ...]] = ("",)
    schedule: Schedule | None
    max_grad_norm: float | None
    micro_batch_size: int | None

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        schedule: Schedule | None = None,
        max_grad_norm: float | None = None,
        micro_batch_size: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if micro_batch_size is not None and micro_batch_size < 1:
            raise ValueError(
                f"system.micro_batch_size={micro_batch_size}: give a positive number of examples, or null for all"
            )
        self.automatic_optimization = False  # `optimize` takes the steps
        self.data_spec = data_spec
        self.schedule, self.max_grad_norm = schedule, max_grad_norm
        self.micro_batch_size = micro_batch_size
        self.images_seen = 0
        self._images_before = 0
        self._has_split = self._has_told = False
        self.is_warm = False
        self.step_figures: dict[str, Tensor] = {}
        self.carried: dict[str, Any] = {}
        self.blueprints: dict[str, Any] = {}
        self.companions: list[Callback] = []
        self.rng = torch.Generator().manual_seed(seed)

    @property
    def beyond_weights(self) -> Mapping[str, Any]:
        """What decides beside its own weights what it says, as plain values: a part of its digest."""
        return {}

    def count_images(self, number: int) -> None:
        """Advance progress by one training step's examples, over all devices."""
        self.images_seen += number * self.trainer.world_size

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self._images_before = self.images_seen
        self._has_split = False

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Refuse a training step after which nothing would be learned, or no budget ever end."""
        step = f"{type(self).__name__}.training_step"
        if self.images_seen == self._images_before:
            raise TypeError(f"{step} counted no images: call self.count_images(len(batch))")
        if outputs and not self.automatic_optimization:
            raise TypeError(f"{step} returned its loss, which nobody follows: call self.optimize, and return nothing")
        if self.micro_batch_size is not None and not self._has_split:
            raise self._cannot_split()

    def log_metrics(self, stage: str, values: Mapping[str, Tensor | float]) -> None:
        """Log each value as `stage/name`; validation values are averaged over examples by the caller.

        `step_figures` keeps what the last training step logged; Lightning repeats every name's last value for ever.
        Training values are averaged over devices here.
        """
        if stage == "train":
            values = average(values, self.device)
            self.step_figures = {f"train/{name}": value for name, value in values.items()}
        for name, value in values.items():
            self.log(f"{stage}/{name}", value, on_step=stage == "train", on_epoch=stage != "train")

    @classmethod
    def task_of(cls, choice: Choice) -> str:
        """What a system of this choice is trained for, written down when its run is created."""
        return cls.task

    @classmethod
    def check_choice(cls, choice: Choice) -> None:
        """Refuse parts that do not go together, before any data are loaded; `ValueError` with the reason."""

    @property
    def warmup_images(self) -> int:
        """How many images the system sees before its main network learns anything."""
        return 0

    @property
    def steps_per_batch(self) -> float:
        """How many steps all optimisers take for a batch, on average."""
        return len(self.OPTIMIZERS)

    @property
    def warmups(self) -> Mapping[str, int]:
        """Images over which something grows to what is configured, by the key that sets them; not learning rates."""
        return {}

    def optimize(
        self,
        name: str,
        losses: Losses | Callable[..., Losses],
        weights: Mapping[str, float] = NOTHING,
        *,
        of: Sequence[Any] = (),
        schedule: Schedule | None = None,
    ) -> Figures:
        """One step of the optimiser `name` down the weighted sum of mean losses; what to log of it.

        `losses` is a function of the inputs `of`, asked once for each micro-batch of them; or the losses themselves,
        where batches are never computed in parts. A loss without a weight has weight 1; `schedule` stands in for the
        system's own.
        """
        with self.step_of(name, schedule=schedule) as step:
            if callable(losses):
                if not of:
                    raise ValueError(
                        f"{type(self).__name__}.training_step: name the inputs of the losses, of=(batch, …)"
                    )
                for part in self.micro_batches(*of):
                    step.add(losses(*part.inputs), weights, share=part.share)
            elif self.micro_batch_size is not None:
                raise self._cannot_split()
            else:
                step.add(losses, weights)
        return step.figures

    @contextmanager
    def step_of(self, name: str, *, schedule: Schedule | None = None) -> Iterator[Accumulation]:
        """One step of the optimiser `name` down all losses that are added meanwhile; its figures are complete then.

        Gradients are averaged over devices here, once, and not while they are computed, which works for several
        networks that take turns. Losses that are not finite raise `FloatingPointError` before a weight changes, a
        weight without its loss raises `ValueError`.
        """
        optimizer = self._optimizer(name)
        learning_rate = set_learning_rate(schedule or self.schedule, optimizer, self.images_seen)
        optimizer.zero_grad()
        step = Accumulation(self._backward)
        yield step
        check_finite(average(step.losses, self.device), self.images_seen)
        average_gradients(parameters_of(optimizer))
        norm = clip(optimizer, self.max_grad_norm)
        optimizer.step()
        prefix = f"{name}_" if name else ""
        step.figures |= step.losses | {f"{prefix}grad_norm": norm, f"{prefix}lr": learning_rate}

    def micro_batches(self, *inputs: Any) -> Iterator[MicroBatch]:
        """The inputs in parts of at most `micro_batch_size` examples; the length of the first says how many there are.

        An input is a `Batch`, a tensor or a sequence with a row an example, a named tuple of such, None, or anything
        with a method `rows(part)`. Statistics of batches follow all parts of a batch as they would follow the whole.
        """
        self._has_split = True
        parts = split(len(inputs[0]), self.micro_batch_size)
        if len(parts) == 1:
            yield MicroBatch(inputs, 1.0)
            return
        self._tell_what_is_coupled(len(inputs[0]), len(parts))
        modules, total = list(self.modules()), len(inputs[0])
        for part in parts:
            torch.clear_autocast_cache()  # older versions of torch use copies again that were made without gradients
            share = (part.stop - part.start) / total
            with once_a_step(modules, share=share, earlier=part.start / total):
                yield MicroBatch(tuple(rows(value, part) for value in inputs), share)

    def splits(self, number: int) -> bool:
        """Whether so many examples are computed in several parts."""
        return len(split(number, self.micro_batch_size)) > 1

    def _tell_what_is_coupled(self, number: int, num_parts: int) -> None:
        if self._has_told or own_rank():
            return
        self._has_told = True
        if coupled := coupled_parts(self):
            _log.warning(
                "system.micro_batch_size=%s: a step of %s examples is computed in %s parts, and %s see%s the examples "
                "of one part, not of the whole batch",
                f"{self.micro_batch_size:,}",
                f"{number:,}",
                f"{num_parts:,}",
                " and ".join(coupled),
                "s" if len(coupled) == 1 else "",
            )

    def _cannot_split(self) -> ValueError:
        step = f"{type(self).__name__}.training_step"
        return ValueError(
            f"system.micro_batch_size={self.micro_batch_size}: {step} computes its whole batch at once; let it call "
            "self.optimize(name, losses, of=inputs) with a function of the inputs, or set system.micro_batch_size=null"
        )

    def _backward(self, loss: Tensor) -> None:
        """Outside of autocast, as torch recommends: what was computed in full precision teaches in full precision."""
        with torch.autocast(self.device.type, enabled=False):
            self.manual_backward(loss)

    def _optimizer(self, name: str) -> Any:
        found: Any = self.optimizers()
        return found[self.OPTIMIZERS.index(name)] if len(self.OPTIMIZERS) > 1 else found

    def configure_callbacks(self) -> list[Callback]:
        return list(self.companions)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint.update(self.carried)
        if self.blueprints:
            checkpoint["blueprints"] = self.blueprints
        checkpoint["images_seen"] = self.images_seen
        checkpoint["system_rng"] = self.rng.get_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.images_seen = checkpoint["images_seen"]
        self.rng.set_state(checkpoint["system_rng"].cpu())
