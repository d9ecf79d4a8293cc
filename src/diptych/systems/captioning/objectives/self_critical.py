"""Self-critical training: captions that earn more than the captioner's other captions of an image become likelier.

Rennie et al. 2017 (arXiv:1612.00563). Rewards are of whole captions, <eos> included. It sharpens a captioner that can
already caption, so it usually starts from the weights of another run: `init_from=RUN`.
"""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from diptych.decoding import Decoded, greedy
from diptych.losses.policy_gradient import leave_one_out
from diptych.systems.captioning.objectives.cross_entropy import CrossEntropy
from diptych.systems.captioning.objectives.interface import CaptionObjective
from diptych.systems.captioning.objectives.policy import note_samples, sampled_loss
from diptych.systems.captioning.objectives.step import CaptionStep
from diptych.types import TrainingCaptions


class SelfCritical(nn.Module, CaptionObjective):
    """The baseline is the mean reward of the image's other samples (Luo 2020, arXiv:2003.09971).

    `num_samples` captions are drawn for each image. Cross-entropy of the reference captions has `cross_entropy_weight`
    beside it, and is not computed where that is 0.
    """

    wants_warm_start = True
    least_samples = 2

    def __init__(self, *, reward: Any, num_samples: int = 5, cross_entropy_weight: float = 0.0) -> None:
        super().__init__()
        if num_samples < self.least_samples:
            raise ValueError(
                f"caption_objective.num_samples={num_samples}: {type(self).__name__} needs at least "
                f"{self.least_samples}, to compare a caption of an image with another one"
            )
        self.reward, self.num_samples = reward, num_samples
        self.cross_entropy, self.cross_entropy_weight = CrossEntropy(), cross_entropy_weight
        self.weights = {"loss": cross_entropy_weight}

    def begin(self, training_captions: TrainingCaptions) -> None:
        self.reward.begin(training_captions)

    def losses(self, step: CaptionStep) -> Mapping[str, Tensor]:
        captions = step.sample(self.num_samples)
        rewards = self.rewards(step, captions)
        note_samples(step, captions, rewards)
        losses = {"self_critical_loss": sampled_loss(step, captions, rewards - self.baselines(step, rewards))}
        return {**losses, **self.cross_entropy.losses(step)} if self.cross_entropy_weight else losses

    def rewards(self, step: CaptionStep, captions: Decoded) -> Float[Tensor, "images samples"]:
        """What each caption earns."""
        return self.reward(captions.tokens, step.batch).unflatten(0, (len(step), -1))

    def baselines(self, step: CaptionStep, rewards: Float[Tensor, "images samples"]) -> Float[Tensor, "images samples"]:
        """What is expected of each caption."""
        return leave_one_out(rewards)


class SelfCriticalGreedy(SelfCritical):
    """The baseline is the reward of the greedy caption, as in the first article. It costs one more decoding."""

    least_samples = 1

    def baselines(self, step: CaptionStep, rewards: Float[Tensor, "images samples"]) -> Float[Tensor, "images samples"]:
        greedily = self.rewards(step, step.decode(greedy))
        step.note({"greedy_reward": greedily.mean()})
        return greedily.expand_as(rewards)
