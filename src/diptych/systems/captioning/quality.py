"""How well a captioner tells the validation images."""

from collections.abc import Sequence

from torch import Tensor, nn
from torchmetrics import MeanMetric

from diptych.metrics.captions.metric import CaptionQuality
from diptych.metrics.scene_accuracy import CaptionAccuracy
from diptych.types import Batch, DataSpec


class CaptioningQuality(nn.Module):
    """Collects a validation and sums it up, over all devices.

    `nll` and `perplexity` are per token of the reference captions, each word given the true ones before it. Where the
    data have a world, the scores of `CaptionAccuracy` say how much of what is told freely is true; elsewhere `bleu_4`
    and `cider_d` compare it with the references.
    """

    def __init__(self, data_spec: DataSpec) -> None:
        super().__init__()
        self.nll = MeanMetric()
        self.told = CaptionAccuracy(data_spec.languages) if data_spec.world else CaptionQuality(data_spec.languages)

    def update(self, nll: Tensor, tokens: Tensor, told: Sequence[str], batch: Batch) -> None:
        """Take in a batch: nats per token of its references and how many tokens, and what was told of its images."""
        self.nll.update(nll, tokens)
        if isinstance(self.told, CaptionAccuracy):
            self.told.update(told, [scene for scene in batch.scenes if scene is not None])
        else:
            self.told.update(batch.keys, told, batch.references)

    def compute(self) -> dict[str, Tensor | float]:
        """Each figure by its name."""
        nll = self.nll.compute()
        return {"nll": nll, "perplexity": nll.exp()} | self.told.compute()

    def reset(self) -> None:
        """Forget everything collected."""
        self.nll.reset()
        self.told.reset()
