"""The pictures and sentences that an evaluation is made on: the first examples of a split that training never saw."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import torch

from diptych.config.components import Trust
from diptych.config.mistakes import composed
from diptych.runs.build import build_data
from diptych.types import Batch, DataSpec, Images, Scene
from diptych.world import Constraints, Grammar, WorldSpec

ENDLESS = "diptych.data.ScenesData"


@dataclass(frozen=True)
class HeldOut:
    """Examples in their order. `sentences` are what is asked of a painter: complete where the data have a world.

    `name` is the data config's, `scenes` are None where nobody knows exactly what a picture shows.
    """

    name: str
    split: str
    spec: DataSpec
    images: Images
    references: Sequence[Sequence[str]]
    scenes: Sequence[Scene | None]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def sentences(self) -> list[str]:
        """The first reference of each picture."""
        return [texts[0] for texts in self.references]

    @property
    def world(self) -> WorldSpec | None:
        """The world the pictures show, where truth is exact."""
        return WorldSpec(**self.spec.world) if self.spec.world else None

    def true_scenes(self) -> list[Scene]:
        """What each picture shows; only for data with a world."""
        return [scene for scene in self.scenes if scene is not None]

    def meanings(self) -> list[Constraints]:
        """What each sentence claims; only for data with a world, whose sentences all have a meaning."""
        claims = [meaning(sentence, self.spec.languages) for sentence in self.sentences]
        return [claim for claim in claims if claim is not None]


def meaning(sentence: str, languages: Sequence[str]) -> Constraints | None:
    """What a sentence claims in the first language that can read it; None where none can."""
    readings = (_grammar(language).parse(sentence) for language in languages)
    return next((reading for reading in readings if reading is not None), None)


def take_held_out(config: Mapping[str, Any], *, name: str | None, split: str, num: int, trust: Trust = None) -> HeldOut:
    """The first `num` examples (or as many as there are) of the run's own data, or of the data config `name`."""
    node = _data_node(config, name, split, num)
    datamodule: Any = build_data({**config, "data": node}, trust)
    batches = _batches_of(datamodule, split, num)
    references = [texts for batch in batches for texts in batch.references][:num]
    scenes = [scene for batch in batches for scene in batch.scenes][:num]
    images = torch.cat([batch.images for batch in batches])[:num]
    return HeldOut(name or datamodule.spec.name, split, datamodule.spec, images, references, scenes)


def _data_node(config: Mapping[str, Any], name: str | None, split: str, num: int) -> dict[str, Any]:
    """The data's configuration; an endless world gives as many held-out scenes as are asked for."""
    node = dict(config["data"] if name is None else composed([f"data={name}"])["data"])
    if node["_target_"] == ENDLESS:
        node[f"{split}_size"] = max(num, node[f"{split}_size"])
    return node


def _batches_of(datamodule: Any, split: str, num: int) -> list[Batch]:
    return list(_until(num, iter(datamodule.evaluation_dataloader(split))))


def _until(num: int, batches: Iterator[Batch]) -> Iterator[Batch]:
    """Batches until they hold `num` examples."""
    count = 0
    for batch in islice(batches, num):
        yield batch
        count += len(batch)
        if count >= num:
            return


@cache
def _grammar(language: str) -> Grammar:
    return Grammar(language)
