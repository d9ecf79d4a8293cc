"""The run's tokens in a language model's vectors, where its own tokens are others.

A token begins as the mean of the vectors of the pieces that the language model's tokenizer cuts it into, as in Gee et
al. 2022 (arXiv:2402.09977). <bos> and <eos> begin as the model's own ends of a text, <pad> and <unk> as the mean of
all.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from jaxtyping import Float
from torch import Tensor

from diptych.types import BOS_ID, EOS_ID, SPECIAL_TOKENS

SPACE = "Ġ"
"""How byte-level tokenizers write a space."""


def vectors_of_tokens(network: Any, tokenizer: str, vocabulary: Sequence[str]) -> Float[Tensor, "vocabulary dim"]:
    """A vector for each token of `vocabulary`; `tokenizer` is the language model's, as JSON."""
    own = network.get_input_embeddings().weight.detach()
    pieces = import_module("tokenizers").Tokenizer.from_str(tokenizer)
    pieces.no_padding()
    pieces.no_truncation()
    rows = own.mean(0).repeat(len(vocabulary), 1)
    for number, ids in enumerate(_pieces_of(pieces, vocabulary)):
        if ids:
            rows[number] = own[ids].mean(0)
    start, end = _ends(network.config)
    for number, own_number in ((BOS_ID, start), (EOS_ID, end)):
        if own_number is not None:
            rows[number] = own[own_number]
    return rows


def _pieces_of(tokenizer: Any, vocabulary: Sequence[str]) -> list[list[int]]:
    """The pieces of each token as it stands within a sentence; none of special tokens."""
    byte_level = any(token.startswith(SPACE) for token in vocabulary)
    within = "" if " " in vocabulary else " "  # where spaces are tokens, tokens are characters
    ids = [
        _same_token(tokenizer, token, byte_level) or _cut(tokenizer, within, token)
        for token in vocabulary[len(SPECIAL_TOKENS) :]
    ]
    return [[] for _ in SPECIAL_TOKENS] + ids


def _same_token(tokenizer: Any, token: str, byte_level: bool) -> list[int]:
    """The token itself, where both tokenizers cut bytes and both have it."""
    number = tokenizer.token_to_id(token) if byte_level else None
    return [] if number is None else [number]


def _cut(tokenizer: Any, within: str, token: str) -> list[int]:
    """Words follow a space, punctuation does not."""
    text = within + token if token[:1].isalnum() else token
    return tokenizer.encode(text.replace(SPACE, " "), add_special_tokens=False).ids


def _ends(facts: Any) -> tuple[int | None, int | None]:
    """What the language model begins and ends a text with; one stands in for the other."""
    start, end = (getattr(facts, f"{place}_token_id", None) for place in ("bos", "eos"))
    return (end if start is None else start), (start if end is None else end)
