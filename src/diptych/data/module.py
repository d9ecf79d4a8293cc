"""The base of all data modules: an endless training stream, finite evaluation sets, and facts of the data."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader

from diptych.data.captioned import PartlyCaptioned
from diptych.data.example import ExampleRequest, Examples
from diptych.data.loading.collate import Collate
from diptych.data.loading.epochs import Epochs
from diptych.data.loading.loader import Loader
from diptych.data.loading.stream import Stream, in_order, order_of
from diptych.data.options import DataOptions
from diptych.text import tokenizer_of
from diptych.types import Batch, DataSpec


@dataclass(kw_only=True, eq=False, repr=False)
class DataModule(DataOptions, LightningDataModule):
    """Base of all data sets; after `setup()` there are `spec` and `splits` (train, val, test).

    `batches_consumed` is the position of training: it is set before a checkpoint is written, and a resumed run starts
    there. `epoch_images`, if set, cuts the training stream into epochs of so many images, for Trainers that count them.
    """

    endless: ClassVar[bool] = False
    """Whether `val_size` and `test_size` may be as large as anyone asks for."""
    same_examples: ClassVar[tuple[str, ...]] = ()
    """Parameters that may change when a run is resumed, because they say where or how the examples are read. That the
    examples are the same is checked then."""

    epoch_images: int | None = field(init=False, default=None)
    spec: DataSpec = field(init=False)
    cached: Mapping[str, Examples] = field(init=False, default_factory=dict)
    """Splits that training and validation see by cached features, in place of the pictures in `splits`."""
    splits: Mapping[str, Examples] = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        LightningDataModule.__init__(self)
        self.batches_consumed = 0
        self._is_open = False

    @abstractmethod
    def open(self) -> tuple[DataSpec, Mapping[str, Examples]]:
        """Open the data; called once."""

    def setup(self, stage: str | None = None) -> None:
        if not self._is_open:
            self.spec, self.splits = self.open()
            if self.captioned_share is not None:
                training = PartlyCaptioned(self.splits["train"], self.captioned_share)
                self.splits = {**self.splits, "train": training}
            self._is_open = True

    def train_dataloader(self) -> DataLoader | Epochs:
        rank, world_size = self._rank()
        examples = self._training_examples()
        stream = Stream(
            size=examples.size,
            batch_size=self.batch_size,
            seed=self.seed,
            start=self.batches_consumed,
            rank=rank,
            world_size=world_size,
            order=order_of(examples),
        )
        collate = self._collate(partly_captioned=self.captioned_share is not None)
        loader = Loader(examples, stream, collate=collate, num_workers=self.num_workers, persistent_workers=True)
        if self.epoch_images is None:
            return loader
        return Epochs(loader, stream, max(1, self.epoch_images // self.batch_size), self)

    def val_dataloader(self) -> DataLoader:
        return self._evaluation_loader("val", self._seen("val"))

    def example_batch(self) -> Batch:
        """The first batch that validation sees, with its pictures, be it that validation reads cached features."""
        batch: Batch = next(iter(self.val_dataloader()))
        return batch if batch.features is None else next(iter(self.evaluation_dataloader("val")))

    def test_dataloader(self) -> DataLoader:
        return self.evaluation_dataloader("test")

    def evaluation_dataloader(self, split: str) -> DataLoader:
        """Every example of a finite split once, in order, with its picture."""
        return self._evaluation_loader(split, self.splits[split])

    def pictures(self, split: str, indices: Sequence[int], at_once: int) -> DataLoader:
        """These examples of a split in this order, as evaluation sees them."""
        requests = [ExampleRequest(index) for index in indices]
        batches = [requests[start : start + at_once] for start in range(0, len(requests), at_once)]
        return Loader(self.splits[split], batches, collate=self._collate(), num_workers=self.num_workers)

    def _evaluation_loader(self, split: str, examples: Examples) -> DataLoader:
        if examples.size is None:
            raise ValueError(f"the {split} split of {self.spec.name} is infinite: evaluate another split")
        rank, world_size = self._rank()
        requests = in_order(examples.size, max(1, self.batch_size // world_size), rank, world_size)
        return Loader(examples, requests, collate=self._collate(), num_workers=self.num_workers)

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self.batches_consumed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.batches_consumed = state_dict["batches"]

    def _training_examples(self) -> Examples:
        """The train split as training sees it."""
        if not self.augmentation:
            return self._seen("train")
        from diptych.data.augmentation.training import augmented  # takes seconds, and few runs augment

        return augmented(self._seen("train"), self.augmentation, self.spec, self.seed)

    def _seen(self, split: str) -> Examples:
        """The split with cached features where there are some, else with pictures."""
        return self.cached.get(split, self.splits[split])

    def _collate(self, *, partly_captioned: bool = False) -> Collate:
        return Collate(tokenizer_of(self.spec), self.spec.image_size, self.spec.labels, partly_captioned)

    def _rank(self) -> tuple[int, int]:
        """The rank of this process and the number of processes."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
