"""From a network's words to one vector a sentence."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.types import TokenMask

Words = Float[Tensor, "batch length word_dim"]
Pooled = Float[Tensor, "batch dim"]
Pool = Callable[[Any, Words, TokenMask], Pooled]
"""(network, its words, which are real) -> sentence vectors. Real tokens come first, and there is at least one."""


def mean_of_tokens(network: Any, words: Words, mask: TokenMask) -> Pooled:
    """The mean of all real tokens, special ones among them (Sentence-BERT, arXiv:1908.10084)."""
    return (words * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def first_token(network: Any, words: Words, mask: TokenMask) -> Pooled:
    """[CLS], which comes first (BERT, arXiv:1810.04805)."""
    return words[:, 0]


def last_token(network: Any, words: Words, mask: TokenMask) -> Pooled:
    """The last real token, the only one of a causal network that has read the whole sentence."""
    return words[torch.arange(len(words), device=words.device), mask.sum(1) - 1]


def projected_last_token(network: Any, words: Words, mask: TokenMask) -> Pooled:
    """The end of the text in the space that images share (CLIP, arXiv:2103.00020)."""
    return network.text_projection(last_token(network, words, mask))
