"""The pictures and sentences that an evaluation is made on: the first examples of a split that training never saw."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from diptych.config import components
from diptych.config.components import Trust
from diptych.config.datasets import PREFIX, check_overrides, composed_data, names_folder, overridden
from diptych.config.errors import UserError
from diptych.data.example import Examples
from diptych.runs.build import build_data
from diptych.types import Batch, DataSpec, Images, Scene
from diptych.world import Constraints, WorldSpec, canonical, meaning

LEAST = 2
"""Examples of an evaluation: one cannot be shuffled, which chance needs."""


@dataclass(frozen=True)
class HeldOut:
    """Examples in their order. `sentences` are what is asked of a generator: complete where the data have a world.

    `name` is the data config's, `node` the whole of it and `overrides` what was set in it; `scenes` are None where
    nobody knows exactly what a picture shows, `labels` where the data have none. `spare` are more real pictures of the
    split (none where it has no more), so that real ones can be compared with real ones. `training` is None where these
    are not the data that the run was trained on.
    """

    name: str
    split: str
    spec: DataSpec
    images: Images
    references: Sequence[Sequence[str]]
    scenes: Sequence[Scene | None]
    overrides: Sequence[str] = ()
    node: Mapping[str, Any] = field(default_factory=dict)
    labels: Bool[Tensor, "examples labels"] | None = None
    spare: Images | None = None
    training: Examples | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def sentences(self) -> list[str]:
        """The first reference of each picture."""
        return [texts[0] for texts in self.references]

    @property
    def contents(self) -> list[str]:
        """What each example is of: the symbols of its scene, or where nobody knows them its sentence."""
        return [" ".join(canonical(scene)) for scene in self.true_scenes()] if self.world else self.sentences

    @property
    def contents_of_pictures(self) -> list[str]:
        """The same of the pictures: where nobody knows their scenes, each is of its own, whatever caption it has."""
        return self.contents if self.world else [f"picture {i}" for i in range(len(self))]

    @property
    def image_size(self) -> int:
        """Pixels a side."""
        return self.spec.image_size

    @property
    def world(self) -> WorldSpec | None:
        """The world the pictures show, where truth is exact."""
        return WorldSpec(**self.spec.world) if self.spec.world else None

    def true_scenes(self) -> list[Scene]:
        """What each picture shows; only for data with a world."""
        return [scene for scene in self.scenes if scene is not None]

    def training_captions(self, most_of_endless: int) -> list[str] | None:
        """What the run learned to say; of endless data the captions of the first pictures."""
        if self.training is None:
            return None
        num = most_of_endless if self.training.size is None else self.training.size
        return [caption for index in range(num) for caption in self.training.captions_of(index)]

    def meanings(self) -> list[Constraints]:
        """What each sentence claims; only for data with a world, whose sentences all have a meaning."""
        claims = [meaning(sentence, self.spec.languages) for sentence in self.sentences]
        return [claim for claim in claims if claim is not None]


@dataclass(frozen=True)
class Source:
    """What an evaluation's examples are taken from: a data config's name, what was set in it, and the whole node."""

    name: str | None
    overrides: Sequence[str]
    node: dict[str, Any]


def take_held_out(
    config: Mapping[str, Any],
    *,
    data: str | None,
    split: str,
    num: int,
    spare: int = 0,
    overrides: Sequence[str] = (),
    trust: Trust = None,
) -> HeldOut:
    """The first `num` examples (or as many as there are) of the run's own data, or of `data`, a name or a folder.

    `spare` pictures more are taken after them, as far as there are.
    """
    source = _source(config, data, overrides)
    components.check(source.node, "data", ("seed",), trust)
    datamodule: Any = build_data({**config, "data": _with_enough(source.node, split, num + spare, trust)}, trust)
    name = source.name or datamodule.spec.name
    batches = list(_until(num + spare, iter(datamodule.evaluation_dataloader(split))))
    if sum(map(len, batches)) < LEAST:
        raise UserError(f"the {split} split of {name} has fewer than {LEAST} examples, too few to evaluate on")
    references = [texts for batch in batches for texts in batch.references][:num]
    scenes = [scene for batch in batches for scene in batch.scenes][:num]
    images = torch.cat([batch.images for batch in batches])
    return HeldOut(
        name,
        split,
        datamodule.spec,
        images[:num],
        references,
        scenes,
        source.overrides,
        source.node,
        _labels(batches, num),
        images[num : num + spare],
        datamodule.splits["train"] if data is None else None,
    )


def _source(config: Mapping[str, Any], data: str | None, overrides: Sequence[str]) -> Source:
    check_overrides(overrides)
    if data is None:
        return Source(config.get("data_name"), overrides, overridden(config["data"], overrides))
    node = composed_data(data, overrides)["data"]
    if names_folder(data):
        return Source("folder", (f"{PREFIX}root={data}", *overrides), node)
    return Source(data, overrides, node)


def _with_enough(node: Mapping[str, Any], split: str, num: int, trust: Trust) -> dict[str, Any]:
    """Endless data give as many held-out examples as are asked for."""
    if not getattr(components.find_class(node, "data", trust), "endless", False):
        return dict(node)
    return {**node, f"{split}_size": max(num, node[f"{split}_size"])}


def _labels(batches: Sequence[Batch], num: int) -> Bool[Tensor, "examples labels"] | None:
    labels = [batch.labels for batch in batches if batch.labels is not None]
    return torch.cat(labels)[:num] if labels else None


def _until(num: int, batches: Iterator[Batch]) -> Iterator[Batch]:
    """Batches until they hold `num` examples."""
    count = 0
    for batch in islice(batches, num):
        yield batch
        count += len(batch)
        if count >= num:
            return
