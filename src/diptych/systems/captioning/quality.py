"""Validation metrics of a captioner."""

from collections.abc import Sequence

from torch import Tensor, nn
from torchmetrics import MeanMetric

from diptych.metrics.captions.metric import CaptionQuality
from diptych.metrics.scene_accuracy import CaptionAccuracy
from diptych.types import Batch, DataSpec


class GeneratedQuality(nn.Module):
    """Metrics of the captions that one validation generates, over all devices.

    `CaptionAccuracy` where the data have a world, elsewhere `bleu_4` and `cider_d` against the references.
    """

    def __init__(self, data_spec: DataSpec) -> None:
        super().__init__()
        metric = CaptionAccuracy if data_spec.world else CaptionQuality
        self.metric = metric(data_spec.languages)

    def update(self, captions: Sequence[str], batch: Batch) -> None:
        """Add a caption of each image of the batch."""
        if isinstance(self.metric, CaptionAccuracy):
            self.metric.update(captions, [scene for scene in batch.scenes if scene is not None])
        else:
            self.metric.update(batch.keys, captions, batch.references)

    def compute(self) -> dict[str, Tensor | float]:
        """Each metric by its name."""
        return dict(self.metric.compute())

    def reset(self) -> None:
        """Start again."""
        self.metric.reset()


class CaptioningQuality(nn.Module):
    """Metrics of one validation, over all devices.

    `nll` and `perplexity` are per token of the reference captions, teacher-forced; the rest is `GeneratedQuality`.
    """

    def __init__(self, data_spec: DataSpec) -> None:
        super().__init__()
        self.nll, self.generated = MeanMetric(), GeneratedQuality(data_spec)

    def update(self, nll: Tensor, num_tokens: Tensor, captions: Sequence[str], batch: Batch) -> None:
        """Add a batch: nats per token of its references, their number of tokens, and generated captions."""
        self.nll.update(nll, num_tokens)
        self.generated.update(captions, batch)

    def compute(self) -> dict[str, Tensor | float]:
        """Each metric by its name."""
        nll = self.nll.compute()
        return {"nll": nll, "perplexity": nll.exp()} | self.generated.compute()

    def reset(self) -> None:
        """Start again."""
        self.nll.reset()
        self.generated.reset()
