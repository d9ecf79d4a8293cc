"""The loss of captions that were sampled and rewarded, on the scale of cross-entropy per token."""

from jaxtyping import Float
from torch import Tensor

from diptych.decoding import Decoded
from diptych.losses.policy_gradient import policy_gradient_loss
from diptych.systems.captioning.objectives.step import CaptionStep
from diptych.types import EOS_ID, PAD_ID


def sampled_loss(
    step: CaptionStep, captions: Decoded, advantages: Float[Tensor, "images samples"]
) -> Float[Tensor, " rows"]:
    """The policy gradient of each sample, over the mean length of the joint batch's references.

    That length does not depend on what was sampled, so the gradient stays that of the expected reward. It is that of a
    token, and learning rates of cross-entropy suit it.
    """
    flat = advantages.flatten().to(step.num_tokens.device)
    log_probs = step.log_probs(captions)
    return policy_gradient_loss(log_probs, flat.to(log_probs.dtype)) / step.tokens_per_caption


def note_samples(step: CaptionStep, captions: Decoded, rewards: Float[Tensor, "images samples"]) -> None:
    """Log the samples' mean reward, mean length (<eos> counts) and how many ended with <eos>."""
    lengths = (captions.tokens != PAD_ID).sum(dim=1).float()
    ended = (captions.tokens == EOS_ID).any(dim=1).float()
    step.note({"reward": rewards.mean(), "sampled_length": lengths.mean(), "sampled_ended": ended.mean()})
