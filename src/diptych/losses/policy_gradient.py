"""Policy gradients of sampled captions: what raises the expected reward of what a captioner says.

REINFORCE (Williams 1992) for sequences (Ranzato et al. 2016, arXiv:1511.06732). A baseline that does not depend on the
caption itself lowers the variance and leaves the expectation as it is: the reward of the greedy caption (Rennie et al.
2017, arXiv:1612.00563), or the mean reward of the image's other samples (Luo 2020, arXiv:2003.09971).
"""

from jaxtyping import Float
from torch import Tensor


def leave_one_out(rewards: Float[Tensor, "images samples"]) -> Float[Tensor, "images samples"]:
    """For each sample the mean reward of the image's other samples; at least two samples an image."""
    samples = rewards.shape[1]
    if samples < 2:
        raise ValueError("a leave-one-out baseline needs at least 2 samples of each image")
    return (rewards.sum(dim=1, keepdim=True) - rewards) / (samples - 1)


def policy_gradient_loss(
    log_probs: Float[Tensor, "rows length"], advantages: Float[Tensor, " rows"]
) -> Float[Tensor, " rows"]:
    """Its gradient estimates that of minus the expected reward; `advantages` are rewards minus their baselines.

    `log_probs` are those of each sampled token, <eos> included, and 0 after it. The value itself means nothing.
    """
    return -advantages.detach() * log_probs.sum(dim=1)
