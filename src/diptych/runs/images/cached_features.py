"""Train on cached features of a frozen image encoder (`cache_features=true`).

The encoder sees each picture once, whatever the number of epochs, captions and runs. Rows are found again by what
made them: the encoder's settings and weights, the size of the pictures, and the picture's bytes. So a sweep shares
one cache, a changed picture or other weights get rows of their own, and a killed run goes on where it was.
"""

import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float16
from torch import nn

from diptych.config import Config, UserError, components
from diptych.config.components import Trust
from diptych.data.capability import capable
from diptych.data.derived import cache_folder, derived_folder
from diptych.data.feature_cache.examples import Cacheable, CachedExamples
from diptych.data.feature_cache.filling import Filling, contents_of
from diptych.data.feature_cache.store import FeatureRows, FeatureStore, Layout
from diptych.metrics.weights_digest import weights_digest
from diptych.runs.checkpoints import read_checkpoint
from diptych.systems.base import System
from diptych.systems.modes import evaluating
from diptych.types import Batch

KEY = "cache_features=true"
VERSION = 1
"""Changes whenever rows of an earlier version would not be those of this one."""
PLAIN, MIRRORED = "plain", "mirrored"
FLIP = "flip"
SOURCES = ("weights", "pretrained", "revision")
"""Settings of image encoders that only say where weights come from; the weights' own digest says what they are."""
SEEN = ("train", "val")
log = logging.getLogger(__name__)


def check_cached_features(config: Config, trust: Trust = None) -> None:
    """Refuse what cached features cannot do, before anything is loaded."""
    if not config.get("cache_features"):
        return
    if not config.get("image_encoder"):
        raise UserError(f"{KEY}: this run has no image_encoder whose features could be kept; leave it out")
    system: Any = components.find_class(config["system"], "system", trust)
    if not getattr(system, "reads_cached_features", False):
        raise UserError(f"{KEY}: {system.__name__} looks at pictures, not at features; leave it out")
    data = config["data"]
    if data.get("random_crop"):
        raise UserError(f"data.random_crop=true: {KEY} keeps one view of a picture; set data.random_crop=false")
    if others := [name for name, on in (data.get("augmentation") or {}).items() if on and name != FLIP]:
        raise UserError(
            f"data.augmentation.{others[0]}: {KEY} keeps a picture and its mirror image, nothing between; keep flip "
            "alone, or set cache_features=false"
        )
    if noise := config["system"].get("pixel_noise"):
        raise UserError(f"system.pixel_noise={noise:g}: {KEY} sees no pixels; set system.pixel_noise=0")


def use_cached_features(config: Config, data: Any, system: System, resumed: Path | None = None) -> None:
    """Let training and validation read features; those that are missing are computed now.

    A run that resumes a checkpoint has the encoder's weights in it, wherever their file is by now.
    """
    encoder: Any = getattr(system, "image_encoder", None)
    _check_data(data)
    _check_frozen(encoder)
    if resumed is not None:
        encoder.load_state_dict(_weights_in(resumed))
    cache = _Cache.of(config, data, encoder)
    splits = {name: data.splits[name] for name in SEEN if data.splits[name].size}
    contents = contents_of(splits)
    flips = bool((config["data"].get("augmentation") or {}).get(FLIP))
    plain = cache.rows(PLAIN, contents, data)
    mirrored = cache.rows(MIRRORED, {"train": contents["train"]}, data) if flips else {}
    data.cached = {name: CachedExamples(splits[name], rows, mirrored.get(name)) for name, rows in plain.items()}


@dataclass(frozen=True)
class _Cache:
    """Where the features of an encoder lie, and how they are computed."""

    folder: Path
    about: Mapping[str, Any]
    layout: Layout
    encoder: nn.Module
    device: torch.device

    @classmethod
    def of(cls, config: Config, data: Any, encoder: Any) -> "_Cache":
        spec = data.spec
        with torch.no_grad(), evaluating(encoder):  # weights are read from their file at the first use
            features = encoder(torch.zeros(1, spec.image_channels, spec.image_size, spec.image_size))
        layout = Layout(features.pooled.shape[1], *features.regions.shape[1:])
        about = {
            "version": VERSION,
            "image_encoder": {
                key: value for key, value in config["image_encoder"].items() if key not in SOURCES and value is not None
            },
            "weights": weights_digest(encoder.state_dict()),
            "image_size": spec.image_size,
            "image_channels": spec.image_channels,
            **asdict(layout),
        }
        return cls(_place(data), about, layout, encoder, _device(config))

    def rows(self, view: str, contents: Mapping[str, Sequence[str]], data: Any) -> dict[str, FeatureRows]:
        """The rows of each split, all of which are there then; the log says how many and where."""
        about = {**self.about, "view": view}
        name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]
        store = FeatureStore(self.folder / f"features-{name}", self.layout)
        filling = Filling(store, contents)
        made, start = 0, time.monotonic()
        places = filling.places()
        if places is None:
            store.folder.mkdir(parents=True, exist_ok=True)
            store.describe(about)
            made = self._fill(filling, view, data)
            places = store.places()
        self._tell(store, view, contents, made, time.monotonic() - start)
        return {split: FeatureRows(store, [places[d] for d in digests]) for split, digests in contents.items()}

    def _fill(self, filling: Filling, view: str, data: Any) -> int:
        log.info("cached features: computing those of %s pictures in %s", view, filling.store.folder)
        home = next(self.encoder.parameters()).device
        self.encoder.to(self.device).to(memory_format=torch.channels_last)  # twice as fast on a processor
        try:
            with evaluating(self.encoder):
                return filling.fill(data.pictures, lambda batch: self._encode(batch, mirrored=view == MIRRORED))
        finally:
            self.encoder.to(home).to(memory_format=torch.contiguous_format)

    @torch.inference_mode()
    def _encode(self, batch: Batch, *, mirrored: bool) -> Float16[np.ndarray, "pictures width"]:
        images = batch.images.to(self.device, memory_format=torch.channels_last)
        features = self.encoder(images.flip(-1) if mirrored else images)
        rows = torch.cat([features.pooled, features.regions.flatten(1)], dim=1).half().cpu().numpy()
        if not np.isfinite(rows).all():
            raise UserError(
                f"{KEY}: features of {batch.keys[0]} or a picture beside it are beyond half precision (65,504): this "
                "encoder cannot be cached; set cache_features=false"
            )
        return rows

    def _tell(
        self, store: FeatureStore, view: str, contents: Mapping[str, Sequence[str]], made: int, seconds: float
    ) -> None:
        number = sum(map(len, contents.values()))
        what = f"{number:,} {view} pictures, {self.layout.num_regions} regions of {self.layout.region_dim:,} numbers"
        size = number * self.layout.num_bytes / 1e9
        when = f"{made:,} computed now in {seconds:,.0f} s" if made else "all computed before"
        log.info("cached features: %s, %.2f GB in %s (%s)", what, size, store.folder, when)


def _weights_in(checkpoint: Path) -> dict[str, torch.Tensor]:
    """The image encoder's."""
    state, prefix = read_checkpoint(checkpoint)["state_dict"], "image_encoder."
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _check_data(data: Any) -> None:
    name = data.spec.name
    if not hasattr(data, "cached"):
        raise UserError(f"{KEY}: {type(data).__name__} is no diptych.data.module.DataModule; set cache_features=false")
    for split in SEEN:
        examples = data.splits[split]
        if examples.size is None or capable(examples, Cacheable) is None:
            raise UserError(
                f"{KEY}: the {split} split of {name} is endless, or its pictures are in memory, so that nothing is "
                "saved; set cache_features=false"
            )


def _check_frozen(encoder: nn.Module) -> None:
    learning = [name for name, parameter in encoder.named_parameters() if parameter.requires_grad]
    if learning:
        raise UserError(
            f"{KEY}: image_encoder is not frozen, {len(learning)} of its parameters learn ({learning[0]}, …), so that "
            "its features change; freeze it (image_encoder.finetune=false, image_encoder.train_from=null or "
            "freeze=[image_encoder]), or set cache_features=false"
        )


def _place(data: Any) -> Path:
    """Beside the data, or in the user's cache where they have no folder."""
    folders = data.folders() if hasattr(data, "folders") else ()
    return derived_folder(Path(folders[0])) if folders else cache_folder()


def _device(config: Config) -> torch.device:
    wants_gpu = config["trainer"]["accelerator"] in ("gpu", "cuda", "auto")
    return torch.device("cuda" if wants_gpu and torch.cuda.is_available() else "cpu")
