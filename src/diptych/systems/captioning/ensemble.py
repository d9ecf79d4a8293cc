"""Several trained captioners as one: each token has the mean of the probabilities that they give it."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diptych.decoding import mean_log_probs, mixture
from diptych.losses.captioning import caption_nll
from diptych.models.caption_decoders import DecoderOutput
from diptych.systems.captioning.captions import SaysCaptions, Speaker
from diptych.text import tokenizer_of
from diptych.types import Images, Tokens


class CaptionerEnsemble(SaysCaptions, nn.Module):
    """Captioners with one vocabulary; the attention is the mean of those that attend with grids of one size.

    `members` are by name; a ValueError names two that do not go together.
    """

    def __init__(self, members: Mapping[str, Any]) -> None:
        super().__init__()
        names, systems = list(members), list(members.values())
        for name, system in zip(names[1:], systems[1:], strict=True):
            _check_pair(names[0], systems[0], name, system)
        self.members = nn.ModuleList(systems)
        self.data_spec = systems[0].data_spec
        self.tokenizer = tokenizer_of(self.data_spec)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.parameters()).device

    @property
    def images_seen(self) -> int:
        """How much training all members have had together."""
        seen: list[Any] = [member.images_seen for member in self.members]
        return sum(seen)

    def speaker(self, images: Images) -> Speaker:
        speakers: list[Speaker] = [member.speaker(images) for member in self.members]  # pyright: ignore[reportCallIssue]
        steps, states = [speaker.step for speaker in speakers], tuple(speaker.state for speaker in speakers)

        def read(tokens: Tensor) -> DecoderOutput:
            outputs = [speaker.read(tokens) for speaker in speakers]
            return DecoderOutput(mean_log_probs([output.logits for output in outputs]), _mean_attention(outputs))

        return Speaker(mixture(steps), states, read)

    def negative_log_likelihood(self, images: Images, tokens: Tokens) -> Float[Tensor, " rows"]:
        """Nats per token of these captions, as a captioner's."""
        return caption_nll(self.speaker(images).read(tokens[:, :-1]).logits, tokens[:, 1:])


def _mean_attention(outputs: list[DecoderOutput]) -> Tensor | None:
    maps = [output.attention for output in outputs if output.attention is not None]
    same = [attention for attention in maps if attention.shape == maps[0].shape]
    return torch.stack(same).mean(dim=0) if same else None


def _check_pair(one: str, first: Any, other: str, second: Any) -> None:
    for name, system in ((one, first), (other, second)):
        if not hasattr(system, "speaker"):
            raise ValueError(f"{name} does not say captions token by token, so it cannot be part of an ensemble")
    for field, what in (
        ("vocabulary", "vocabularies"),
        ("tokenizer", "tokenizers"),
        ("tokenizer_rules", "tokenizers"),
        ("subwords", "tokenizers"),
        ("max_length", "lengths of captions (data.max_length)"),
        ("image_size", "image sizes (data.image_size)"),
        ("image_channels", "numbers of colours"),
    ):
        if getattr(first.data_spec, field) != getattr(second.data_spec, field):
            raise ValueError(f"{one} and {other} have different {what}: an ensemble needs the same in all runs")
