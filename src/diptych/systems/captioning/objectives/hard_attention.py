"""How hard attention learns: the variational bound of Xu et al. 2015 (arXiv:1502.03044), section 4.1.

For half of the captions a region is drawn for each word by the attention's probabilities; for the others the context is
the expected one, which lowers the variance. A caption's log-likelihood is the reward of its regions (REINFORCE), less a
moving average of earlier captions' log-likelihoods; a bonus keeps the attention's entropy up.

Deviations: the baseline does not hold the captions that it is taken from, so it biases no gradient; the first step has
none, and its rewards teach nothing. The sums of a caption are divided by the tokens of the mean caption, as
cross-entropy is, so that learning rates are comparable.

What is drawn is each image's own, and the baseline moves once a step: neither depends on devices and micro-batches.
"""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from diptych.decoding.drawing import drawn_place
from diptych.losses.captioning import token_nll
from diptych.models.caption_decoders.attention import Reading, Weights
from diptych.models.caption_decoders.hard_attention import one_region
from diptych.systems.captioning.objectives.interface import CaptionObjective
from diptych.systems.captioning.objectives.step import CaptionStep
from diptych.systems.devices import mean_over_devices
from diptych.types import TokenMask


class HardAttentionObjective(nn.Module, CaptionObjective):
    """Cross-entropy, REINFORCE for the regions, and their entropy, of a decoder that looks at one region a word.

    It says so (`chooses_regions`), and can `read` by regions that are drawn.

    `reinforce_weight` and `entropy_weight` are the paper's lambda_r and lambda_e. `expected_share` is the share of
    captions with the expected context. The baseline keeps the share `baseline_decay` of itself at a step.
    """

    baseline: Tensor
    num_baselines: Tensor

    def __init__(
        self,
        *,
        reinforce_weight: float = 1.0,
        entropy_weight: float = 0.01,
        expected_share: float = 0.5,
        baseline_decay: float = 0.9,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        for name, share in (("expected_share", expected_share), ("baseline_decay", baseline_decay)):
            if not 0 <= share < 1:
                raise ValueError(f"caption_objective.{name}={share}: give a share from 0 to below 1")
        self.expected_share, self.baseline_decay = expected_share, baseline_decay
        self.label_smoothing = label_smoothing
        self.weights = {"reinforce_loss": reinforce_weight, "entropy_loss": entropy_weight}
        self.register_buffer("baseline", torch.zeros(()))
        self.register_buffer("num_baselines", torch.zeros((), dtype=torch.long))

    def losses(self, step: CaptionStep) -> Mapping[str, Tensor]:
        captions = step.batch.tokens.shape[1]
        expected = step.uniform("expected contexts", captions).flatten() < self.expected_share
        reading = self._read(step, expected, step.uniform("regions", captions, step.max_length))
        nll = token_nll(reading.logits, step.targets)
        smooth = token_nll(reading.logits, step.targets, self.label_smoothing) if self.label_smoothing else nll
        reward = -nll.detach().sum(dim=1)
        likelihood = log_likelihood_of_choice(reading, step.target_mask)
        advantage = (reward - self.baseline) * ~expected * (self.num_baselines > 0)
        entropy = attention_entropy(reading, step.target_mask)
        self._learn(step, reward, ~expected)
        return {
            "loss": smooth.sum() / step.num_tokens,
            "reinforce_loss": -(advantage * likelihood).sum() / step.num_tokens,
            "entropy_loss": -entropy.sum() / step.num_tokens,
        }

    def _read(
        self,
        step: CaptionStep,
        expected: Bool[Tensor, " rows"],
        uniform: Float[Tensor, "images captions max_length"],
    ) -> Reading:
        decoder: Any = step.caption_decoder
        if not getattr(decoder, "chooses_regions", False):
            raise ValueError(
                f"caption_objective=hard_attention: {type(decoder).__name__} does not choose among regions; choose "
                "caption_decoder=lstm_hard_attention"
            )

        numbers = iter(uniform.unbind(-1))

        def choose(weights: Weights) -> Weights:
            drawn = sampled_region(weights, next(numbers))
            return torch.where(expected.view(*weights.shape[:2], 1), weights, drawn)

        return decoder.read(step.features, step.tokens[:, :-1], choose)

    def _learn(self, step: CaptionStep, reward: Float[Tensor, " rows"], drawn: Bool[Tensor, " rows"]) -> None:
        """Take the mean of the step's drawn captions into the baseline, after its last part; without any it stays."""
        sums = step.once("rewards of hard attention", lambda _: reward.new_zeros(2))
        sums += torch.stack([(reward * drawn).sum(), drawn.sum().to(reward)])
        if not step.is_last:
            return
        total, number = mean_over_devices(sums)
        mean = total / number.clamp(min=1e-9)
        kept = torch.where(self.num_baselines > 0, self.baseline_decay, 0.0)
        self.baseline.copy_(torch.where(number > 0, kept * self.baseline + (1 - kept) * mean, self.baseline))
        self.num_baselines += (number > 0).long()


def sampled_region(weights: Weights, uniform: Float[Tensor, "images captions"]) -> Weights:
    """One on the region where the cumulated weight passes the number in [0, 1), zero elsewhere; no gradient."""
    return one_region(drawn_place(weights.detach(), uniform), weights)


def log_likelihood_of_choice(reading: Reading, mask: TokenMask) -> Float[Tensor, " rows"]:
    """Log-probability of the regions that were drawn for a caption's real tokens."""
    tiny = torch.finfo(reading.attention.dtype).tiny
    chosen = (reading.attention * reading.chosen.detach()).sum(dim=-1).clamp(min=tiny)
    return (chosen.log() * mask).sum(dim=1)


def attention_entropy(reading: Reading, mask: TokenMask) -> Float[Tensor, " rows"]:
    """Entropy of the attention in nats, summed over a caption's real tokens."""
    return (torch.special.entr(reading.attention).sum(dim=-1) * mask).sum(dim=1)
