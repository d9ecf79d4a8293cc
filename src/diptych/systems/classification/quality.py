"""Validation metrics of a classifier."""

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torchmetrics import MeanMetric
from torchmetrics.classification import MultilabelExactMatch, MultilabelStatScores


class ClassificationQuality(nn.Module):
    """Metrics of one validation, over all devices.

    `nll` is in nats per image; `accuracy` is the share of images with every label right. `precision`, `recall` and `f1`
    are means over labels, so a rare label counts as much as a frequent one. A label that neither occurs nor is
    predicted does not count; torchmetrics' own means would count it as a failure.
    """

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        self.nll = MeanMetric()
        self.accuracy = MultilabelExactMatch(num_labels)
        self.counts = MultilabelStatScores(num_labels, average="none")

    def update(
        self,
        nll: Float[Tensor, " batch"],
        predicted: Bool[Tensor, "batch labels"],
        labels: Bool[Tensor, "batch labels"],
    ) -> None:
        """Add a batch: the loss of each image, the predicted labels, and the true ones."""
        self.nll.update(nll)
        for metric in (self.accuracy, self.counts):
            metric.update(predicted.int(), labels.int())

    def compute(self) -> dict[str, Tensor | float]:
        """Each metric by its name."""
        tp, fp, _, fn, _ = self.counts.compute().unbind(dim=-1)
        counted = tp + fp + fn > 0
        tp, fp, fn = tp[counted], fp[counted], fn[counted]
        return {
            "nll": self.nll.compute(),
            "accuracy": self.accuracy.compute(),
            "precision": (tp / (tp + fp).clamp(min=1)).mean(),
            "recall": (tp / (tp + fn).clamp(min=1)).mean(),
            "f1": (2 * tp / (2 * tp + fp + fn)).mean(),
        }

    def reset(self) -> None:
        """Start again."""
        for metric in (self.nll, self.accuracy, self.counts):
            metric.reset()
