"""Networks as graphs of tensors alone, for runtimes without Python: what goes in, what comes out, and examples.

Loops (steps of a solver, words of a caption) stay outside: a graph is one pass of a network. The first axis of every
tensor is the batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from diptych.types import BOS_ID, PAD_ID, DataSpec, Sentences, TextFeatures


@dataclass(frozen=True)
class Graph:
    """A module that takes and gives tensors, with their names; `example(number)` are its inputs of so many examples.

    `growing` names, by input, one more axis whose length differs from call to call.
    """

    module: nn.Module
    inputs: Sequence[str]
    outputs: Sequence[str]
    example: Callable[[int], tuple[Tensor, ...]]
    growing: dict[str, int] = field(default_factory=dict)


class Reads(nn.Module):
    """A text encoder of tokens, padded to the longest sentence of the data."""

    def __init__(self, encode: nn.Module) -> None:
        super().__init__()
        self.encode = encode

    def forward(self, tokens: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.encode(Sentences((), tokens, tokens != PAD_ID)))


class FromLatents(nn.Module):
    """A generator, with its text encoder in front of it where there is one."""

    def __init__(self, generator: nn.Module, encode: nn.Module | None) -> None:
        super().__init__()
        self.generator, self.encode = generator, encode

    def forward(self, latents: Tensor, *tokens: Tensor) -> Tensor:
        said = None if self.encode is None else self.encode(Sentences((), tokens[0], tokens[0] != PAD_ID))
        return self.generator(latents, said).clamp(-1, 1)


class Denoises(nn.Module):
    """A denoiser of what it sees, the levels that it is told, and a sentence's vectors, words and mask."""

    def __init__(self, denoiser: nn.Module, num_levels: int) -> None:
        super().__init__()
        self.denoiser, self.num_levels = denoiser, num_levels

    def forward(self, seen: Tensor, *told: Tensor) -> Tensor:
        levels, text = told[: self.num_levels], told[self.num_levels :]
        return self.denoiser(seen, list(levels), TextFeatures(*text) if text else None)


class Decodes(nn.Module):
    """Images of an autoencoder's codes or latents."""

    def __init__(self, decode: Callable[[Tensor], Tensor], networks: Any) -> None:
        super().__init__()
        self.decode, self.networks = decode, networks

    def forward(self, samples: Tensor) -> Tensor:
        return self.decode(samples).clamp(-1, 1)


class Begins(nn.Module):
    """All that a caption decoder needs of images: what it remembers of them, and its first state."""

    def __init__(self, features: Callable[[Tensor], Any], decoder: Any, networks: nn.Module) -> None:
        super().__init__()
        self.features, self.decoder, self.networks = features, decoder, networks

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        memory = self.decoder.encode_memory(self.features(images))
        return tuple(pytree.tree_leaves((memory, self.decoder.initial_state(memory))))


class Steps(nn.Module):
    """One token further: logits, and the next state."""

    def __init__(self, decoder: Any, layout: Any) -> None:
        super().__init__()
        self.decoder, self.layout = decoder, layout

    def forward(self, tokens: Tensor, *held: Tensor) -> tuple[Tensor, ...]:
        memory, state = pytree.tree_unflatten(list(held), self.layout)
        logits, state = self.decoder.step(tokens, memory, state)
        return (logits, *pytree.tree_leaves(state))


def words_of(spec: DataSpec, number: int) -> Tensor:
    """Tokens of so many sentences of different lengths."""
    rng = torch.Generator().manual_seed(number)
    tokens = torch.randint(4, len(spec.vocabulary), (number, spec.max_length), generator=rng)
    lengths = torch.arange(number) % (spec.max_length - 2) + 2
    return torch.where(torch.arange(spec.max_length) < lengths[:, None], tokens, PAD_ID)


def noise_of(number: int, *shape: int) -> Tensor:
    """Standard normal numbers, the same for the same number."""
    return torch.randn(number, *shape, generator=torch.Generator().manual_seed(number))


def from_latents(generator: Any, encode: Any, spec: DataSpec) -> Graph:
    """The graph of a generator and its text encoder: latents and tokens to images."""
    check_reads_tokens(encode)

    def example(number: int) -> tuple[Tensor, ...]:
        return (noise_of(number, generator.latent_dim), *([] if encode is None else [words_of(spec, number)]))

    inputs = ("latents",) if encode is None else ("latents", "tokens")
    return Graph(FromLatents(generator, encode), inputs, ("images",), example)


def reading(encode: Any, spec: DataSpec) -> Graph:
    """The graph of a text encoder: tokens to a sentence's vector, its words' and their mask."""
    check_reads_tokens(encode)
    outputs = ("sentence", "words", "mask")
    return Graph(Reads(encode), ("tokens",), outputs, lambda number: (words_of(spec, number),))


def check_reads_tokens(encode: Any) -> None:
    """Refuse a text encoder that reads texts by a tokenizer of its own."""
    if getattr(encode, "reads_texts", False):
        raise ValueError(f"{type(encode).__name__} reads texts by a tokenizer of its own, not tokens")


def captioning_graphs(speaker: Any) -> dict[str, Graph]:
    """The graphs of a captioner: images to memory and first state, and one token further."""
    spec, decoder = speaker.data_spec, speaker.caption_decoder

    def images(number: int) -> Tensor:
        return noise_of(number, spec.image_channels, spec.image_size, spec.image_size).clamp(-1, 1)

    @torch.no_grad()
    def held(number: int) -> tuple[Any, Any]:
        memory = decoder.encode_memory(speaker.features(images(number)))
        state = decoder.initial_state(memory)
        for token in (BOS_ID, 4):  # a state that grows is not empty any more
            state = decoder.step(torch.full((number,), token), memory, state)[1]
        return memory, state

    memory, state = held(2)
    leaves, layout = pytree.tree_flatten((memory, state))
    num_memory = len(pytree.tree_leaves(memory))
    names = [f"memory_{i}" for i in range(num_memory)] + [f"state_{i}" for i in range(len(leaves) - num_memory)]
    first = pytree.tree_leaves(decoder.initial_state(memory))
    grown = {
        f"state_{i}": axis
        for i, (before, after) in enumerate(zip(first, pytree.tree_leaves(state), strict=True))
        for axis, (old, new) in enumerate(zip(before.shape, after.shape, strict=True))
        if old != new
    }

    def step_example(number: int) -> tuple[Tensor, ...]:
        return (torch.full((number,), 5), *pytree.tree_leaves(held(number)))

    encoder = Graph(Begins(speaker.features, decoder, speaker), ("images",), names, lambda number: (images(number),))
    following = tuple(f"next_{name}" for name in names[num_memory:])
    step = Graph(Steps(decoder, layout), ("tokens", *names), ("logits", *following), step_example, grown)
    return {"encoder": encoder, "step": step}
