"""Caption objectives: from one training step to its losses.

An objective is one class and one file in `conf/caption_objective`. It sees a step through `CaptionStep`: the batch, the
teacher-forced pass, and captions that the captioner decodes now. Networks that learn along (a baseline, a caption
discriminator) are its `helpers`; they share the captioner's optimiser and its gradient clipping.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.decoding import Decoded, Search, decode
from diptych.losses.captioning import doubly_stochastic_penalty, token_nll
from diptych.models.caption_decoders import DecoderOutput
from diptych.systems.devices import own_rank
from diptych.systems.modes import evaluating
from diptych.text.tokenizers import Tokenizer
from diptych.types import BOS_ID, PAD_ID, Batch, ImageFeatures, Images, TokenMask, Tokens, TrainingCaptions


@dataclass(frozen=True)
class CaptionStep:
    """What an objective may see of one training step. Networks run at the first use of what they compute.

    `images` are the batch's with pixel noise; `max_length` counts <eos>, not <bos>. An image has k captions: rows of
    tokens, logits and attention that belong to one image stand side by side. With `system.micro_batch_size` a step is
    of one micro-batch. `num_tokens` is how many real targets so many images of the joint batch have on average: divide
    a sum over tokens by it for a mean over the tokens of the joint batch.
    """

    batch: Batch
    images: Images
    num_tokens: Tensor
    image_encoder: nn.Module
    caption_decoder: Any
    tokenizer: Tokenizer
    images_seen: int
    max_length: int
    system_rng: torch.Generator

    def __len__(self) -> int:
        return len(self.batch)

    def rows(self, part: slice) -> Self:
        """The step of this part of the images."""
        batch = self.batch.rows(part)
        num_tokens = self.num_tokens * (len(batch) / len(self))
        return replace(self, batch=batch, images=self.images[part], num_tokens=num_tokens)

    @property
    def tokens(self) -> Tokens:
        """Reference captions, <bos> to <eos>, padded; k rows per image."""
        return self.batch.tokens.flatten(0, 1)

    @property
    def token_mask(self) -> TokenMask:
        """True on the real tokens of `tokens`."""
        return self.batch.token_mask.flatten(0, 1)

    @property
    def targets(self) -> Tokens:
        """The tokens that `logits` predict: `tokens` without <bos>."""
        return self.tokens[:, 1:]

    @property
    def target_mask(self) -> TokenMask:
        """True on the real tokens of `targets`."""
        return self.token_mask[:, 1:]

    @cached_property
    def features(self) -> ImageFeatures:
        """The encoder's features of `images`, with gradient."""
        return self.image_encoder(self.images)

    @property
    def logits(self) -> Float[Tensor, "rows length vocabulary"]:
        """Teacher-forced logits of `targets`."""
        return self._teacher_forced.logits

    @property
    def attention(self) -> Float[Tensor, "rows length regions"] | None:
        """Attention over regions at each target; None where the decoder does not attend."""
        return self._teacher_forced.attention

    @cached_property
    def rng(self) -> torch.Generator:
        """A generator on the images' device, for this step alone; each device draws other numbers."""
        seed = int(torch.randint(2**62, (), generator=self.system_rng))
        return torch.Generator(self.images.device).manual_seed(seed + own_rank())

    def decode(self, search: Search) -> Decoded:
        """One caption per image by `greedy`, `partial(sample, rng=step.rng)` …, without dropout or gradient."""
        features = self.features
        with torch.no_grad(), evaluating(self.caption_decoder):
            return decode(self.caption_decoder, features, search, max_length=self.max_length)

    def log_probs(self, captions: Decoded) -> Float[Tensor, "images length"]:
        """Log-probability of each decoded token, with gradient: of what `sample` draws from at temperature 1.

        The decoder is in training mode, so its dropout counts. <pad> and <bos> have no probability. It is 0 where a
        caption has ended.
        """
        inputs = F.pad(captions.tokens[:, :-1], (1, 0), value=BOS_ID)
        logits = self.caption_decoder(self.features, inputs).logits
        never = torch.tensor([PAD_ID, BOS_ID], device=logits.device)
        return -token_nll(logits.index_fill(-1, never, -torch.inf), captions.tokens)

    @cached_property
    def _teacher_forced(self) -> DecoderOutput:
        return self.caption_decoder(self.features, self.tokens[:, :-1])


class CaptionObjective(Protocol):
    """How a captioner learns. Inherit from it to need only `losses`.

    `weights` holds the weight of a loss by its name; a loss without one weighs 1. One that looks at several images of a
    batch at once says `couples_examples = True`: with `system.micro_batch_size` it sees those of a part of the batch.
    """

    weights: Mapping[str, float] = MappingProxyType({})

    def begin(self, training_captions: TrainingCaptions) -> None:
        """Called once before the first step of every start, also after a resume."""

    def losses(self, step: CaptionStep) -> Mapping[str, Tensor]:
        """Losses by the name under which they are logged (`train/<name>`): one value per row, or their mean."""
        ...

    def helpers(self) -> list[tuple[nn.Module, float]]:
        """Networks that learn along, each with its multiple of the decoder's learning rate.

        They are submodules of the objective, which is then an `nn.Module`: so checkpoints hold them.
        """
        return []


class CrossEntropy(nn.Module, CaptionObjective):
    """Cross-entropy per real token of the reference captions (Vinyals et al. 2015, arXiv:1411.4555).

    `label_smoothing` is the share of each target that is spread evenly over the vocabulary.
    `attention_penalty_weight` weighs the doubly stochastic penalty of Xu et al. 2015 (arXiv:1502.03044): over a
    caption, each region should receive attention 1.
    """

    def __init__(self, *, label_smoothing: float = 0.0, attention_penalty_weight: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing, self.attention_penalty_weight = label_smoothing, attention_penalty_weight
        self.weights = {"attention_penalty": attention_penalty_weight}

    def losses(self, step: CaptionStep) -> Mapping[str, Tensor]:
        nll = token_nll(step.logits, step.targets, self.label_smoothing)
        losses = {"loss": nll.sum() / step.num_tokens}
        if self.attention_penalty_weight:
            losses["attention_penalty"] = doubly_stochastic_penalty(self._attention(step), step.target_mask)
        return losses

    def _attention(self, step: CaptionStep) -> Float[Tensor, "rows length regions"]:
        if step.attention is None:
            raise ValueError(
                f"caption_objective.attention_penalty_weight={self.attention_penalty_weight}: "
                f"{type(step.caption_decoder).__name__} does not attend; set it to 0 or choose "
                "caption_decoder=lstm_attention"
            )
        return step.attention


def check_helpers(objective: CaptionObjective) -> None:
    """Refuse an objective with weights that would learn but not be saved, or be saved but never learn."""
    saved = set(objective.parameters()) if isinstance(objective, nn.Module) else set()
    learning = {parameter for network, _ in objective.helpers() for parameter in network.parameters()}
    name = type(objective).__name__
    if learning - saved:
        raise ValueError(
            f"caption_objective: {name}.helpers() names a network that no checkpoint would hold; make {name} an "
            "nn.Module and the network one of its attributes"
        )
    if any(parameter.requires_grad for parameter in saved - learning):
        raise ValueError(
            f"caption_objective: {name} has weights that would never learn; name their network in helpers(), or "
            "freeze it with requires_grad_(False)"
        )
