"""A researcher's own package, small enough for tests: two systems and their networks."""

import contextlib
import math
import os
import resource
import signal
import time

import torch
from pytorch_lightning import Callback, LightningDataModule
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from diptych.runs.lifecycle.stop_callback import StopCallback
from diptych.systems.base import System
from diptych.types import Batch


class TinyGenerator(nn.Module):
    """A linear map to pixels; dropout draws from torch's global generator, as real networks do."""

    def __init__(self, *, image_size: int, image_channels: int, width: int = 8, latent_dim: int = 4) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.shape = (image_channels, image_size, image_size)
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, width),
            nn.BatchNorm1d(width),
            nn.Dropout(0.1),
            nn.Linear(width, image_channels * image_size * image_size),
        )

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents).tanh().unflatten(1, self.shape)


class TinyDiscriminator(nn.Module):
    """A linear map from pixels to one logit."""

    def __init__(self, *, image_size: int, image_channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(image_channels * image_size**2, 1))

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)[:, 0]


class TinyGAN(System):
    """Two optimisers by hand, and an average of the generator's weights."""

    def __init__(
        self, *, data_spec, generator, discriminator, generator_optimizer, discriminator_optimizer, seed: int = 0
    ) -> None:
        super().__init__(data_spec=data_spec, seed=seed)
        self.generator, self.discriminator = generator, discriminator
        self.average = nn.ParameterList(p.detach().clone() for p in generator.parameters()).requires_grad_(False)
        self.optimizer_makers = (generator_optimizer, discriminator_optimizer)

    def configure_optimizers(self):
        networks = (self.generator, self.discriminator)
        return [make(net.parameters()) for make, net in zip(self.optimizer_makers, networks, strict=True)]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        latents = torch.randn(len(batch), self.generator.latent_dim, generator=self.rng)
        optimizer_g, optimizer_d = self.optimizers()
        loss_d = (self.discriminator(self.generator(latents).detach()) - self.discriminator(batch.images)).mean()
        self._step(optimizer_d, loss_d)
        loss_g = -self.discriminator(self.generator(latents)).mean()
        self._step(optimizer_g, loss_g)
        for slow, fast in zip(self.average, self.generator.parameters(), strict=True):
            slow.lerp_(fast.detach(), 0.1)
        self.count_images(len(batch))
        self.log_metrics("train", {"loss_d": loss_d.detach(), "loss_g": loss_g.detach()})

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        images = self.generator(torch.zeros(len(batch), self.generator.latent_dim))
        self.log("val/realism", self.discriminator(images).mean(), batch_size=len(batch))

    def _step(self, optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()


class Nothing:
    """A GAN's objective from which nobody learns, for terms by themselves."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return 0 * (real_logits + fake_logits)

    def generator(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        return 0 * fake_logits


class Insisting(TinyGAN):
    """A TinyGAN that cannot be built without a captioner."""

    def __init__(self, *, captioner, **settings) -> None:
        super().__init__(**settings)


class TinyCaptioner(System):
    """Predicts the second word from the pixels: one optimiser, stepped by Lightning."""

    task = "tiny_captioning"

    def __init__(self, *, data_spec, optimizer, width: int = 8, seed: int = 0) -> None:
        super().__init__(data_spec=data_spec, seed=seed)
        self.automatic_optimization = True
        pixels = data_spec.image_channels * data_spec.image_size**2
        words = len(data_spec.vocabulary)
        self.network = nn.Sequential(nn.Flatten(), nn.Linear(pixels, width), nn.Dropout(0.1), nn.Linear(width, words))
        self.make_optimizer = optimizer

    def configure_optimizers(self):
        return self.make_optimizer(self.network.parameters())

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = self._loss(batch)
        self.count_images(len(batch) * batch.tokens.shape[1])
        self.log_metrics("train", {"loss": loss.detach()})
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.log("val/loss", self._loss(batch), batch_size=len(batch), sync_dist=True)

    def _loss(self, batch: Batch) -> Tensor:
        return nn.functional.cross_entropy(self.network(batch.images), batch.tokens[:, 0, 1])


class UnopenableData(LightningDataModule):
    """Data that must not be opened, for errors that must be found earlier."""

    def __init__(self, *, batch_size: int = 1, seed: int = 0) -> None:
        super().__init__()

    def setup(self, stage: str | None = None) -> None:
        raise AssertionError("the data were loaded")


class Strike(Callback):
    """Sends the process a signal after this number of images: after a step, in a validation, or while saving.

    Further moments are "building" (before anything can be saved), "sanity" (the validation before the first step) and
    "sampling" (while pictures are generated or captioned). `group` includes data workers, like a terminal. Of several
    devices, only that of `rank` receives it, if given.
    """

    def __init__(
        self,
        *,
        images: int,
        signum: int = signal.SIGKILL,
        where: str = "step",
        times: int = 1,
        group: bool = False,
        rank: int | None = None,
    ) -> None:
        self.images: int | None = images
        self.signum, self.where, self.times, self.group, self.rank = signum, where, times, group, rank
        if where == "building":
            self._send()

    def setup(self, trainer, pl_module, stage) -> None:
        if self.rank not in (None, trainer.global_rank):
            self.images = None

    def on_sanity_check_start(self, trainer, pl_module) -> None:
        if self.where == "sanity":
            self._send()

    def on_train_start(self, trainer, pl_module) -> None:
        for name in ("sample_grid", "example_captions"):
            if self.where == "sampling" and hasattr(pl_module, name):
                setattr(pl_module, name, self._struck(getattr(pl_module, name), pl_module))

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        if self.where == "step":
            self._strike(pl_module)

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0) -> None:
        if self.where == "validation":
            self._strike(pl_module)

    def on_save_checkpoint(self, trainer, pl_module, checkpoint) -> None:
        if self.where == "saving" and self.images is not None and pl_module.images_seen >= self.images:
            self.images = None
            torch.save = self._struck_in_the_middle(torch.save)

    def _struck(self, method, pl_module):
        def with_a_strike(*args, **kwargs):
            self._strike(pl_module)
            return method(*args, **kwargs)

        return with_a_strike

    def _strike(self, pl_module) -> None:
        if self.images is not None and pl_module.images_seen >= self.images:
            self.images = None
            self._send()

    def _send(self) -> None:
        for _ in range(self.times):
            (os.killpg if self.group else os.kill)(0 if self.group else os.getpid(), self.signum)
            time.sleep(0.01)  # two pending signals of one kind count as one

    def _struck_in_the_middle(self, save):
        def with_a_strike(checkpoint, file):
            torch.save = save
            save(checkpoint, _Struck(file, self._send))

        return with_a_strike


class _Struck:
    """A file with a callback at its third write, in the middle of torch's own code."""

    def __init__(self, file, strike) -> None:
        self.file, self.strike, self.writes = file, strike, 0

    def write(self, data) -> int:
        self.writes += 1
        written = self.file.write(data)
        if self.writes == 3:
            self.file.flush()
            self.strike()
        return written

    def flush(self) -> None:
        self.file.flush()


class LimitFiles(Callback):
    """Limits the size of files after this number of images, like a nearly full disk."""

    def __init__(self, *, images: int, size: int) -> None:
        self.images, self.size = images, size

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        if pl_module.images_seen >= self.images:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, resource.RLIM_INFINITY))


class FillDisk(Callback):
    """Fills the run's disk after this number of images."""

    def __init__(self, *, images: int, file: str) -> None:
        self.images, self.file = images, file

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        if pl_module.images_seen >= self.images:
            with open(self.file, "ab", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(4096)):
                    pass


class Roll(Callback):
    """Writes down which examples each step has seen, a line a step, one file a device: images so far, then keys."""

    def __init__(self, *, file: str) -> None:
        self.file = file

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        with open(f"{self.file}-{trainer.global_rank}.txt", "a", encoding="utf-8") as file:
            file.write(f"{pl_module.images_seen} {' '.join(batch.keys)}\n")


class Pause(Callback):
    """Waits in every batch, so that others can reach the run meanwhile."""

    def __init__(self, *, seconds: float) -> None:
        self.seconds = seconds

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        time.sleep(self.seconds)


class GiveUp(Callback):
    """Requests pruning like a search after this number of images; of several devices, only one sees it."""

    def __init__(self, *, images: int, seen_by: int) -> None:
        self.images, self.seen_by = images, seen_by

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        (pauses,) = (callback for callback in trainer.callbacks if isinstance(callback, StopCallback))
        if pl_module.images_seen >= self.images and trainer.global_rank == self.seen_by:
            pauses.folder.ask_to_prune("others are better")
        pauses._looked = 0.0 if trainer.global_rank == self.seen_by else math.inf


class Poison(Callback):
    """Sets a weight to not-a-number in mid-training; of several devices, only that of `rank`."""

    def __init__(self, *, images: int, rank: int | None = None) -> None:
        self.images, self.rank = images, rank

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        if pl_module.images_seen >= self.images and self.rank in (None, trainer.global_rank):
            own = next(pl_module.parameters()).data
            (own.to_local() if isinstance(own, DTensor) else own).fill_(float("nan"))


class Stray(Callback):
    """Begins with other weights and statistics than the other devices."""

    def __init__(self, *, rank: int) -> None:
        self.rank = rank

    def setup(self, trainer, pl_module, stage) -> None:
        if trainer.global_rank == self.rank:
            for tensor in (*pl_module.parameters(), *pl_module.buffers()):
                tensor.data += 1


class Explode(Callback):
    """Raises an error in mid-training; of several devices, only on that of `rank`, if given."""

    def __init__(self, *, images: int, rank: int | None = None) -> None:
        self.images, self.rank = images, rank

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        if pl_module.images_seen >= self.images and self.rank in (None, trainer.global_rank):
            raise RuntimeError("the data have run out")
