"""How well a recogniser names what is in the validation images."""

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import (
    MultilabelExactMatch,
    MultilabelF1Score,
    MultilabelPrecision,
    MultilabelRecall,
)


class RecognitionQuality(nn.Module):
    """Collects a validation and sums it up, over all devices.

    `accuracy` is the share of images of which every label is right; `precision`, `recall` and `f1` are means over
    labels, so that a rare one counts as much as a frequent one. `nll` is in nats an image.
    """

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        self.nll = MeanMetric()
        self.scores = MetricCollection(
            {
                "accuracy": MultilabelExactMatch(num_labels),
                "precision": MultilabelPrecision(num_labels, average="macro"),
                "recall": MultilabelRecall(num_labels, average="macro"),
                "f1": MultilabelF1Score(num_labels, average="macro"),
            }
        )

    def update(
        self,
        nll: Float[Tensor, " batch"],
        found: Bool[Tensor, "batch labels"],
        labels: Bool[Tensor, "batch labels"],
    ) -> None:
        """Take in a batch: what the true labels cost, those that were found, and those that hold."""
        self.nll.update(nll)
        self.scores.update(found.int(), labels.int())

    def compute(self) -> dict[str, Tensor | float]:
        """Each figure by its name."""
        return {"nll": self.nll.compute(), **self.scores.compute()}

    def reset(self) -> None:
        """Forget everything collected."""
        self.nll.reset()
        self.scores.reset()
