"""From image features to captions: a search drives a caption decoder."""

from typing import Any

from torch import Tensor

from diptych.decoding.interface import Decoded, Search, State


def decode(decoder: Any, features: Any, search: Search, *, max_length: int) -> Decoded:
    """One caption per image; `diptych.models.caption_decoders` says what a decoder offers."""
    memory = decoder.encode_memory(features)

    def step(tokens: Tensor, state: State) -> tuple[Tensor, State]:
        return decoder.step(tokens, memory, state)

    return search(step, decoder.initial_state(memory), max_length=max_length)
