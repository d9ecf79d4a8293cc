"""Cross-entropy: each token of the reference captions is predicted from those before it.

Two options disturb what the decoder reads, never what it should say, so that it learns to go on after a mistake.
"""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from diptych.losses.captioning import doubly_stochastic_penalty, token_nll
from diptych.models.caption_decoders import DecoderOutput
from diptych.systems.captioning.objectives.disturbed_inputs import with_own_words, with_unknown_words
from diptych.systems.captioning.objectives.interface import CaptionObjective
from diptych.systems.captioning.objectives.step import CaptionStep


class CrossEntropy(nn.Module, CaptionObjective):
    """Cross-entropy per real token of the reference captions (Vinyals et al. 2015, arXiv:1411.4555).

    `label_smoothing` is the share of each target that is spread evenly over the vocabulary.
    `attention_penalty_weight` weighs the doubly stochastic penalty of Xu et al. 2015 (arXiv:1502.03044): over a
    caption, each region should receive attention 1.

    The decoder reads `<unk>` in place of a word with probability `word_dropout_prob` (Bowman et al. 2016,
    arXiv:1511.06349). It reads a word of its own with `scheduled_sampling_prob` (Bengio et al. 2015, arXiv:1506.03099),
    which grows evenly from 0 over the first `scheduled_sampling_images`.
    """

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        attention_penalty_weight: float = 0.0,
        word_dropout_prob: float = 0.0,
        scheduled_sampling_prob: float = 0.0,
        scheduled_sampling_images: int = 0,
    ) -> None:
        super().__init__()
        _check_prob("word_dropout_prob", word_dropout_prob)
        _check_prob("scheduled_sampling_prob", scheduled_sampling_prob)
        self.label_smoothing, self.attention_penalty_weight = label_smoothing, attention_penalty_weight
        self.word_dropout_prob, self.scheduled_sampling_prob = word_dropout_prob, scheduled_sampling_prob
        self.scheduled_sampling_images = scheduled_sampling_images
        self.weights = {"attention_penalty": attention_penalty_weight}
        key = "caption_objective.scheduled_sampling_images"
        self.warmups = {key: scheduled_sampling_images} if scheduled_sampling_prob else {}

    def losses(self, step: CaptionStep) -> Mapping[str, Tensor]:
        output = self._output(step)
        nll = token_nll(output.logits, step.targets, self.label_smoothing)
        losses = {"loss": nll.sum() / step.num_tokens}
        if self.attention_penalty_weight:
            losses["attention_penalty"] = doubly_stochastic_penalty(self._attention(step, output), step.target_mask)
        return losses

    def own_word_prob(self, images_seen: int) -> float:
        """The probability of scheduled sampling by now."""
        return self.scheduled_sampling_prob * min(1.0, images_seen / max(1, self.scheduled_sampling_images))

    def _output(self, step: CaptionStep) -> DecoderOutput:
        own_word_prob = self.own_word_prob(step.images_seen)
        if not (self.word_dropout_prob or own_word_prob):
            return step.teacher_forced
        inputs = with_own_words(step, own_word_prob) if own_word_prob else step.inputs
        return step.reading(with_unknown_words(step, inputs, self.word_dropout_prob))

    def _attention(self, step: CaptionStep, output: DecoderOutput) -> Float[Tensor, "rows length regions"]:
        if output.attention is None:
            raise ValueError(
                f"caption_objective.attention_penalty_weight={self.attention_penalty_weight}: "
                f"{type(step.caption_decoder).__name__} does not attend; set it to 0 or choose "
                "caption_decoder=lstm_attention"
            )
        return output.attention


def _check_prob(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"caption_objective.{name}={value} is a probability: set at least 0 and less than 1")
