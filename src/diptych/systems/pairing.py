"""Which sentence goes with which picture in a batch, and which would be wrong."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from diptych.metrics.compatibility import true_of_scenes
from diptych.text import Tokenizer
from diptych.types import BOS_ID, EOS_ID, PAD_ID, Batch, DataSpec, TextFeatures, TokenMask, Tokens

SPECIAL_IDS = {PAD_ID, BOS_ID, EOS_ID}


class Prompts(NamedTuple):
    """One sentence for each picture; `compatible[i, j]`: sentence j is true of picture i, or may be."""

    tokens: Tokens
    mask: TokenMask
    compatible: Bool[Tensor, "batch batch"]


def draw_prompts(batch: Batch, data_spec: DataSpec, tokenizer: Tokenizer, rng: torch.Generator) -> Prompts:
    """One of each picture's captions, all equally likely.

    Where the data have a world, truth decides what is compatible. Elsewhere a sentence fits a picture when it has the
    same set of words as what is said of it here or in any of its references.
    """
    rows = torch.arange(len(batch), device=batch.tokens.device)
    picks = torch.randint(batch.tokens.shape[1], (len(batch),), generator=rng).to(rows.device)
    tokens, mask = batch.tokens[rows, picks], batch.token_mask[rows, picks]
    if data_spec.world is None:
        compatible = said_of_pictures(tokens.tolist(), batch.references, tokenizer)
    else:
        scenes = [scene for scene in batch.scenes if scene is not None]
        compatible = true_of_scenes([tokenizer.decode(row) for row in tokens.tolist()], scenes, data_spec.languages)
    return Prompts(tokens, mask, compatible.to(tokens.device))


def said_of_pictures(
    sentences: Sequence[Sequence[int]], references: Sequence[Sequence[str]], tokenizer: Tokenizer
) -> Bool[Tensor, "batch batch"]:
    """Element (i, j): sentence j is made of the words of sentence i, or of one of picture i's references."""
    said = [frozenset(ids) - SPECIAL_IDS for ids in sentences]
    places: dict[frozenset[int], list[int]] = {}
    for j, words in enumerate(said):
        places.setdefault(words, []).append(j)
    compatible = [[False] * len(said) for _ in said]
    for i, own in enumerate(said):
        others = (frozenset(tokenizer.encode(text)) - SPECIAL_IDS for text in (references[i] if references else ()))
        for j in chain.from_iterable(places.get(words, ()) for words in (own, *others)):
            compatible[i][j] = True
    return torch.tensor(compatible)


class Partners(NamedTuple):
    """For each picture the number of a sentence that is wrong of it; `exist` is False where the batch has none."""

    sentence: Int[Tensor, " batch"]
    exist: Bool[Tensor, " batch"]


def draw_partners(compatible: Bool[Tensor, "batch batch"], rng: torch.Generator) -> Partners:
    """A random wrong sentence for each picture, all equally likely; its own where there is none."""
    own = torch.eye(len(compatible), dtype=torch.bool)
    wrong = ~compatible.cpu() & ~own
    exist = wrong.any(1)
    choices = wrong | (own & ~exist[:, None])
    index = torch.multinomial(choices.float(), 1, generator=rng).squeeze(1)
    return Partners(index.to(compatible.device), exist.to(compatible.device))


def rows_of(text: TextFeatures, index: Int[Tensor, " batch"]) -> TextFeatures:
    """The same sentences in another order."""
    return TextFeatures(*(part[index] for part in text))
