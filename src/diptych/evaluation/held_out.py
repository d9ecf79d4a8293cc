"""The pictures and sentences that an evaluation is made on: the first examples of a split."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import Any, Self

import torch
from jaxtyping import Bool
from torch import Tensor

from diptych.config import components
from diptych.config.components import Trust
from diptych.config.datasets import PREFIX, check_overrides, composed_data, names_folder, overridden
from diptych.config.errors import UserError
from diptych.data.example import Examples
from diptych.data.folders.splits import ALL
from diptych.data.identity import difference, record_of
from diptych.data.membership import Identity, identities_of
from diptych.runs.build import build_data
from diptych.runs.membership import never_ends
from diptych.types import Batch, DataSpec, Images, Scene
from diptych.world import Constraints, WorldSpec, canonical, meaning

LEAST = 2
"""Examples of an evaluation: one cannot be shuffled, which chance needs."""
SHARES = ("val_share", "test_share", "fold")
"""Keys of a folder that ask for a split by share."""
FEW = "train_size"
"""The key that says on how many of its own pictures a run learns; of another folder it says nothing."""


@dataclass(frozen=True)
class HeldOut:
    """Examples in their order. `sentences` are what is asked of a generator: complete where the data have a world.

    `name` is the data config's, `node` the whole of it and `overrides` what was set in it; `scenes` are None where
    nobody knows exactly what a picture shows, `labels` where the data have none. `is_own` says that the run was trained
    on these data, whose train split is `training` then. `spare` are more real pictures of the split (none where it has
    no more), so that real ones can be compared with real ones. `available` is how many examples the split has (None:
    endless), and `left_out` says what of the data is not in it. `identities` are None where the data do not know them,
    and `num_seen` of the examples are known to have been trained on (None: nobody knows); `num_named_alike` are called
    as training examples.
    """

    name: str
    split: str
    spec: DataSpec
    images: Images
    references: Sequence[Sequence[str]]
    scenes: Sequence[Scene | None]
    overrides: Sequence[str] = ()
    node: Mapping[str, Any] = field(default_factory=dict)
    is_own: bool = False
    labels: Bool[Tensor, "examples labels"] | None = None
    spare: Images | None = None
    training: Examples | None = None
    available: int | None = None
    left_out: Sequence[str] = ()
    identities: Sequence[Identity] | None = None
    num_seen: int | None = 0
    num_named_alike: int = 0

    def __len__(self) -> int:
        return len(self.images)

    def only(self, places: Sequence[int]) -> Self:
        """The examples at these places, in their order."""
        return replace(
            self,
            images=self.images[list(places)],
            references=[self.references[place] for place in places],
            scenes=[self.scenes[place] for place in places],
            labels=None if self.labels is None else self.labels[list(places)],
            identities=None if self.identities is None else [self.identities[place] for place in places],
        )

    @property
    def sentences(self) -> list[str]:
        """The first reference of each picture."""
        return [texts[0] for texts in self.references]

    def all_references(self) -> list[str]:
        """The first reference of each picture, then the second ones of those that have them, and so on."""
        most = max(map(len, self.references))
        return [texts[place] for place in range(most) for texts in self.references if place < len(texts)]

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

    @property
    def has_exact_truth(self) -> bool:
        """Whether anybody can say exactly if a caption is true: by a world's rules, or by complete references."""
        return self.world is not None or self.spec.complete_references

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
    """What an evaluation's examples are taken from: a data config's name, what was set in it, and the whole node.

    Folders of others are not split by share unless that is asked for: nobody trains on them.
    """

    name: str | None
    overrides: Sequence[str]
    node: dict[str, Any]
    is_own: bool = False
    splits_by_share: bool = True


def take_held_out(
    config: Mapping[str, Any],
    *,
    data: str | None,
    split: str,
    num: int,
    spare: int = 0,
    overrides: Sequence[str] = (),
    image_size: int | None = None,
    began_with: Mapping[str, Any] = MappingProxyType({}),
    trust: Trust = None,
) -> HeldOut:
    """The first `num` examples (or as many as there are) of the run's own data, or of `data`, a name or a folder.

    `spare` pictures more are taken after them, as far as there are. A folder of others is taken whole unless it has
    splits of its own, and its pictures are read at `image_size` unless the overrides say another. `began_with` is the
    record of the examples that the run began with: other ones in a place that an override names are somebody else's.
    """
    source = _source(config, data, overrides, image_size)
    components.check(source.node, "data", ("seed",), trust)
    source = _told_from_own(source, config, began_with, trust)
    node = _with_enough(source.node, split, num + spare, trust)
    datamodule: Any = build_data({**config, "data": node}, trust, splits_by_share=source.splits_by_share)
    name = source.name or datamodule.spec.name
    split = _split_there_is(datamodule.splits, split, name)
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
        source.is_own,
        _labels(batches, num),
        images[num : num + spare],
        datamodule.splits["train"] if source.is_own else None,
        None if never_ends(source.node, trust) else datamodule.splits[split].size,
        () if source.is_own else _left_out(datamodule.splits, split, num),
        identities_of(datamodule.splits[split], num),
    )


def _source(config: Mapping[str, Any], data: str | None, overrides: Sequence[str], image_size: int | None) -> Source:
    check_overrides(overrides)
    if data is None:
        if "data" not in config:
            raise UserError("an export does not know where its data are: evaluate its run, or name data with --data")
        return Source(config.get("data_name"), overrides, overridden(config["data"], overrides), is_own=True)
    node = composed_data(data, overrides)["data"]
    if not names_folder(data):
        return Source(data, overrides, node)
    if image_size is not None and "image_size" not in _keys(overrides):
        node["image_size"] = image_size
    by_share = _asks_for_shares(overrides)
    return Source("folder", (f"{PREFIX}root={data}", *overrides), node, splits_by_share=by_share)


def _told_from_own(source: Source, config: Mapping[str, Any], began_with: Mapping[str, Any], trust: Trust) -> Source:
    """The run's own data under another path if they have moved there; somebody else's if other examples lie there."""
    is_moved = not _keys(source.overrides).isdisjoint(components.path_names(source.node, "data", trust))
    if not source.is_own or not is_moved or not began_with:
        return source
    own = {**source.node, **{key: config["data"][key] for key in SHARES if key in config["data"]}}
    if _is_what_it_began_with({**config, "data": own}, began_with, trust):
        return source
    others = source.node | ({FEW: None} if FEW in source.node and FEW not in _keys(source.overrides) else {})
    return replace(source, node=others, is_own=False, splits_by_share=_asks_for_shares(source.overrides))


def _is_what_it_began_with(config: Mapping[str, Any], began_with: Mapping[str, Any], trust: Trust) -> bool:
    try:
        found = build_data(config, trust)
    except ValueError:
        if config["data"].get(FEW) is None:
            raise
        return False  # too few pictures for the run's own number of them
    return not difference(began_with["splits"], record_of(getattr(found, "splits", {})))


def _keys(overrides: Sequence[str]) -> set[str]:
    return {override.partition("=")[0].removeprefix(PREFIX) for override in overrides}


def _asks_for_shares(overrides: Sequence[str]) -> bool:
    return not _keys(overrides).isdisjoint(SHARES)


def _split_there_is(splits: Mapping[str, Examples], split: str, name: str) -> str:
    """The split that is asked for; the whole of data that have none of their own."""
    if ALL in splits:
        return ALL
    if split not in splits:
        raise UserError(f"--split {split}: {name} has {' and '.join(splits)} only: name one of these")
    if splits[split].size is None:
        raise UserError(f"--split {split}: that split of {name} is endless and never comes twice: name val or test")
    return split


def _left_out(splits: Mapping[str, Examples], split: str, num: int) -> list[str]:
    """What there is besides the examples that are taken, in words."""
    more = (splits[split].size or 0) - num
    beyond = [f"{more:,} more of {split} (--num)"] if more > 0 else []
    others = {name: part.size for name, part in splits.items() if name != split and part.size}
    return beyond + [f"{size:,} of {name}" for name, size in others.items()]


def _with_enough(node: Mapping[str, Any], split: str, num: int, trust: Trust) -> dict[str, Any]:
    """Endless data give as many held-out examples as are asked for."""
    size = f"{split}_size"
    if size not in node or not never_ends(node, trust):
        return dict(node)
    return {**node, size: max(num, node[size])}


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
