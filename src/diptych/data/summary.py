"""Summarise a data set (pictures, captions, lengths, words) and check its examples."""

import statistics
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from diptych.data.example import Examples
from diptych.data.module import DataModule
from diptych.text import Tokenizer, tokenizer_of
from diptych.types import Batch

EXAMINED_OF_INFINITE = 2_000
TOP_WORDS = 20

UNSOUND = {
    "empty_splits": "splits without any picture",
    "out_of_range": "pictures with values outside [-1, 1]",
    "one_colour": "pictures of one colour",
    "wrong_shape": "pictures of a wrong size",
    "unknown_words": "pictures whose captions have words that the vocabulary lacks",
}
"""The kinds of faults that `unsound` finds, with their labels."""


def summarise(data: DataModule) -> dict[str, Any]:
    """Plain values: facts of the data, and counts of pictures, captions and words per split; opens no picture."""
    tokenizer = tokenizer_of(data.spec)
    words: Counter[str] = Counter()
    splits = {name: _summary(split, tokenizer, words) for name, split in data.splits.items()}
    return {
        "name": data.spec.name,
        "image_size": data.spec.image_size,
        "image_channels": data.spec.image_channels,
        "languages": list(data.spec.languages),
        "tokenizer": data.spec.tokenizer,
        "vocabulary": len(data.spec.vocabulary),
        "max_length": data.spec.max_length,
        "splits": splits,
        "top_words": words.most_common(TOP_WORDS),
    }


def _summary(split: Examples, tokenizer: Tokenizer, words: Counter[str]) -> dict[str, Any]:
    """The counts of one split; of an infinite split (`pictures` None) the first `examined` pictures count."""
    examined = EXAMINED_OF_INFINITE if split.size is None else split.size
    captions = [caption for index in range(examined) for caption in split.captions_of(index)]
    tokens = [tokenizer.split(caption) for caption in captions]
    seen = Counter(token for caption in tokens for token in caption)
    words.update(seen)
    unknown = sum(count for token, count in seen.items() if token not in tokenizer.vocabulary)
    return {
        "pictures": split.size,
        "examined": examined,
        "captions": len(captions),
        "distinct_captions": len(set(captions)),
        "tokens_per_caption": _spread([len(caption) for caption in tokens]),
        "lengths": sorted(Counter(len(caption) for caption in tokens).items()),
        "unknown_share": unknown / max(1, seen.total()),
    }


def _spread(lengths: list[int]) -> dict[str, float]:
    if not lengths:
        return {}
    ordered = sorted(lengths)
    return {
        "least": ordered[0],
        "mean": round(statistics.fmean(ordered), 1),
        "p95": ordered[int(0.95 * (len(ordered) - 1))],
        "most": ordered[-1],
    }


def unsound(data: DataModule, *, examples: int) -> dict[str, list[str]]:
    """The faults in each split's first examples, as a network receives them, by kind."""
    problems: dict[str, list[str]] = {}
    for name, split in data.splits.items():
        if split.size == 0:
            problems.setdefault("empty_splits", []).append(name)
            continue
        loader = data.train_dataloader() if name == "train" else data.evaluation_dataloader(name)
        for batch in islice(loader, -(-examples // data.batch_size)):
            for kind, keys in _unsound_of(batch, data):
                problems.setdefault(kind, []).extend(keys)
    return problems


def _unsound_of(batch: Batch, data: DataModule) -> Iterable[tuple[str, list[str]]]:
    tokenizer = tokenizer_of(data.spec)
    flat = batch.images.flatten(1)
    outside = ~(flat.isfinite() & (flat.abs() <= 1 + 1e-5)).all(1)
    unknown = [any(w not in tokenizer.vocabulary for r in rs for w in tokenizer.split(r)) for rs in batch.references]
    side = data.spec.image_size
    shape_is_wrong = tuple(batch.images.shape[1:]) != (data.spec.image_channels, side, side)
    found = {
        "out_of_range": outside,
        "one_colour": flat.amax(1) == flat.amin(1),
        "wrong_shape": torch.full((len(batch),), shape_is_wrong),
        "unknown_words": torch.tensor(unknown),
    }
    return ((kind, _keys(batch, bad)) for kind, bad in found.items() if bad.any())


def _keys(batch: Batch, bad: Tensor) -> list[str]:
    return [key for key, is_bad in zip(batch.keys, bad.tolist(), strict=True) if is_bad]
