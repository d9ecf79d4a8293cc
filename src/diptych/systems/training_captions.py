"""What the training images' captions say, for parts of a system that must know it before the first step.

A text encoder that must (word frequencies) has `read_training_sentences`; so has one that begins with something else.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, islice
from typing import Any, Protocol, runtime_checkable

from torch import nn

from diptych.text.tokenizers import Tokenizer
from diptych.types import DataSpec, Sentences, TrainingCaptions, TrainingSentences

AT_ONCE = 1024


@runtime_checkable
class ReadsTrainingSentences(Protocol):
    """A text encoder that is shown the training sentences."""

    def read_training_sentences(self, sentences: TrainingSentences) -> None:
        """Called before the first step of every start, also after a resume, and of every copy of the encoder.

        What is learned here belongs into parameters or buffers, so that checkpoints hold it.
        """
        ...


def training_captions(trainer: Any, data_spec: DataSpec, asker: str) -> TrainingCaptions:
    """The captions of the trainer's data; `ValueError` that names the asker where the data do not list them."""

    def captions(most_of_endless: int) -> Iterable[Sequence[str]]:
        splits = getattr(getattr(trainer, "datamodule", None), "splits", None)
        if splits is None:
            raise ValueError(
                f"{asker} reads the training captions, and data {data_spec.name} do not list them; derive their "
                "module from diptych.data.module.DataModule"
            )
        training = splits["train"]
        num_images = most_of_endless if training.size is None else training.size
        return (training.captions_of(index) for index in range(num_images))

    return captions


def some_captions(trainer: Any, number: int) -> tuple[str, ...]:
    """A caption of each of at most so many training images, evenly over the data, or the first ones of endless data.

    The captions of an image take turns. Empty where the data do not list them.
    """
    splits = getattr(getattr(trainer, "datamodule", None), "splits", None)
    if splits is None:
        return ()
    training = splits["train"]
    size = number if training.size is None else training.size
    places = range(0, size, max(1, -(-size // number)))
    every = (captions for captions in map(training.captions_of, places) if captions)
    return tuple(captions[turn % len(captions)] for turn, captions in enumerate(every))


def show_training_sentences(system: nn.Module, trainer: Any, data_spec: DataSpec, tokenizer: Tokenizer) -> None:
    """Show the training sentences to all parts of the system that read them; the captions are read once."""

    @cache
    def sentences(asker: str, most_of_endless: int) -> list[Sentences]:
        captions = training_captions(trainer, data_spec, asker)(most_of_endless)
        return list(_as_sentences(captions, tokenizer))

    for part in system.modules():
        if isinstance(part, ReadsTrainingSentences):
            asker = f"text_encoder: {type(part).__name__}"
            part.read_training_sentences(lambda number, asker=asker: sentences(asker, number))


def _as_sentences(captions: Iterable[Sequence[str]], tokenizer: Tokenizer) -> Iterator[Sentences]:
    every = chain.from_iterable(captions)
    while said := tuple(islice(every, AT_ONCE)):
        yield Sentences(said, *tokenizer.encode_batch(said))
