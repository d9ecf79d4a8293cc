"""A pretrained causal language model that reads an image as a prefix: ClipCap (Mokady et al. 2021, arXiv:2111.09734).

A small network maps the pooled image vector to `prefix_length` vectors, which stand before the caption as if they were
words. The prefix goes through the language model once an image; captions attend to its kept keys and values.

The caption's tokens are the run's own, whatever its tokenizer: each has a vector, for input and output alike, that
begins as the mean of the language model's vectors of its pieces (`prefix_words`). The paper keeps GPT-2's tokens.
The architecture is the decoder's `blueprint`, which checkpoints carry, so a trained run needs neither folder nor hub.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.caption_decoders.interface import DecoderOutput, State, Step, repeat_rows
from diptych.models.caption_decoders.prefix_words import vectors_of_tokens
from diptych.models.text_encoders.pretrained.source import Blueprint, library_of_networks, opened, rebuilt
from diptych.types import ImageFeatures

NETWORK = "AutoModel"
Vectors = Float[Tensor, "rows length dim"]
KeysValues = tuple[Float[Tensor, "_ 2 heads _ head_dim"], ...]
"""Of each layer, of an image's prefix or of a caption so far."""


class PrefixDecoder(nn.Module):
    """A causal network of `transformers` with equal input and output words, such as GPT-2, behind a prefix.

    `pretrained` is a folder that `save_pretrained` wrote, `pkg://PACKAGE/FOLDER` of an installed package, or a name on
    the hub, there at `revision`. `tuned`: language model and words learn along; else the prefix alone does. With a
    `blueprint` nothing is read, and a state dict must follow. `vocabulary` is the run's, `max_length` the data's.
    """

    def __init__(
        self,
        *,
        vocabulary: Sequence[str],
        max_length: int,
        image_dim: int,
        pretrained: str,
        revision: str | None = None,
        tuned: bool = True,
        prefix_length: int = 10,
        blueprint: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.tuned, self.prefix_length = tuned, prefix_length
        if blueprint is None:
            network, known = opened(NETWORK, pretrained, revision, role="caption_decoder")
            _check_language_model(network, pretrained)
            words = vectors_of_tokens(network, known.tokenizer, vocabulary)
        else:
            known = Blueprint(**blueprint)
            network = rebuilt(NETWORK, known)
            words = torch.zeros(len(vocabulary), network.config.hidden_size)
        self.blueprint = known.to_dict()
        _check_places(prefix_length, max_length, known.most_tokens)
        network.set_input_embeddings(None)  # the run's tokens take the place of its own
        self.embedding = nn.Embedding.from_pretrained(words, freeze=not tuned)
        dim = network.config.hidden_size
        middle = max(1, dim * prefix_length // 2)
        self.prefix = nn.Sequential(nn.Linear(image_dim, middle), nn.Tanh(), nn.Linear(middle, dim * prefix_length))
        self.network = network.requires_grad_(tuned)
        self._cache_name = _cache_name(network)

    def forward(self, features: ImageFeatures, tokens: Int[Tensor, "rows length"]) -> DecoderOutput:
        past = tuple(repeat_rows(leaf, len(tokens)) for leaf in self.encode_memory(features))
        words, _ = self._read(self.embedding(tokens), past)
        return DecoderOutput(self._to_logits(words), None)

    def encode_memory(self, features: ImageFeatures) -> KeysValues:
        """The prefix's keys and values of each layer."""
        prefix = self.prefix(features.pooled).unflatten(1, (self.prefix_length, -1))
        return self._read(prefix, ())[1]

    def initial_state(self, memory: KeysValues) -> State:
        return memory

    def step(self, tokens: Int[Tensor, " rows"], memory: KeysValues, state: State) -> Step:
        words, state = self._read(self.embedding(tokens).unsqueeze(1), state)
        return self._to_logits(words).squeeze(1), state

    def train(self, mode: bool = True) -> "PrefixDecoder":
        """A language model that does not learn has no dropout either."""
        super().train(mode)
        self.network.train(mode and self.tuned)
        return self

    def _read(self, vectors: Vectors, past: KeysValues) -> tuple[Vectors, KeysValues]:
        """The last layer's states of these vectors, after what is `past`, and the keys and values of all."""
        cache = library_of_networks().DynamicCache()
        for number, leaf in enumerate(past):
            cache.update(leaf[:, 0], leaf[:, 1], number)
        read = self.network(inputs_embeds=vectors, use_cache=True, **{self._cache_name: cache})
        kept = tuple(torch.stack([layer.keys, layer.values], dim=1) for layer in cache.layers)
        return read.last_hidden_state, kept

    def _to_logits(self, words: Vectors) -> Tensor:
        return F.linear(words, self.embedding.weight)


def _check_language_model(network: Any, pretrained: str) -> None:
    """Refuse a network that sees later words, or that has other words to speak than to read."""
    key = f"caption_decoder.pretrained={pretrained}: {type(network).__name__}"
    with torch.no_grad():
        alone, followed = (network(input_ids=torch.tensor([ids])).last_hidden_state[0, 0] for ids in ([0], [0, 1]))
    if not torch.allclose(alone, followed, atol=1e-4):
        raise ValueError(f"{key} reads later words before earlier ones: choose a causal network such as GPT-2")
    if not network.config.tie_word_embeddings:
        raise ValueError(f"{key} has other words for output than for input: choose a network such as GPT-2")


def _check_places(prefix_length: int, max_length: int, places: int) -> None:
    if prefix_length < 1:
        raise ValueError(f"caption_decoder.prefix_length={prefix_length}: give at least one")
    if prefix_length + max_length > places:
        raise ValueError(
            f"caption_decoder.prefix_length={prefix_length} and captions of {max_length} tokens (data.max_length) need "
            f"{prefix_length + max_length} places, and the network has {places}: make one of them smaller"
        )


def _cache_name(network: Any) -> str:
    """How this version of transformers calls the argument for keys and values."""
    return "cache" if "cache" in inspect.signature(network.forward).parameters else "past_key_values"
