"""What `--against` names: the run's training images, a folder of pictures, or a file of statistics."""

from pathlib import Path
from typing import Any

import torch

from diptych.config.errors import UserError
from diptych.evaluation.generation.picture_folder import folder_set
from diptych.evaluation.generation.reference_set import SUFFIX, ReferenceSet, reference_set, squares
from diptych.evaluation.held_out import HeldOut
from diptych.models.features import FeatureNetwork
from diptych.runs.build import build_data
from diptych.types import Images, Track

TRAIN = "train"
MOST_IMAGES = 50_000
WAYS_OF_FOLDERS = "more pictures, or a network of fewer dimensions"
WAYS = "--against train, a folder of pictures or a saved file takes more real images, and as many generated as --num"


def named_set(
    name: str,
    network: FeatureNetwork,
    *,
    config: Any,
    held_out: HeldOut,
    trust: Any = (),
    track: Track,
) -> ReferenceSet:
    """The set that the name means, its images read as those of `held_out` are."""
    side = held_out.image_size
    if name == TRAIN:
        images = training_images(config, trust)
        data = f"{held_out.name} (train)"
        return reference_set(
            images, network, data=data, read=squares(side), track=track, description="looking at training images"
        )
    if Path(name).is_dir():
        return folder_set(Path(name), network, side=side, most=MOST_IMAGES, track=track)
    return saved_set(name, network, read=squares(side))


def saved_set(name: str, network: FeatureNetwork, *, read: str) -> ReferenceSet:
    """The set of a file, which must be of this network."""
    path = Path(name)
    if not path.is_file():
        raise UserError(f"--against {name}: there is no such folder or file; name train, a folder or a {SUFFIX} file")
    loaded = ReferenceSet.load(path)
    network(torch.zeros(1, 3, 32, 32, device=next(iter(network.parameters()), torch.zeros(0)).device))  # reads weights
    loaded.check_seen_by(network, read=read)
    return loaded


def training_images(config: Any, trust: Any = ()) -> Images:
    """The images of the run's own training split, in order; endless ones have spare images instead."""
    data: Any = build_data(config, trust)
    if data.splits[TRAIN].size is None:
        raise UserError("--against train: these data are endless, and fresh real images are taken anyway: leave it out")
    images: list[Images] = []
    for batch in data.evaluation_dataloader(TRAIN):
        images.append(batch.images)
        if sum(map(len, images)) >= MOST_IMAGES:
            break
    return torch.cat(images)[:MOST_IMAGES]
