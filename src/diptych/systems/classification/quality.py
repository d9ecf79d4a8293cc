"""How well a classifier names what is in the validation images."""

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torchmetrics import MeanMetric
from torchmetrics.classification import MultilabelExactMatch, MultilabelStatScores


class ClassificationQuality(nn.Module):
    """Collects a validation and sums it up, over all devices.

    `nll` is in nats an image, `accuracy` the share of images of which every label is right. `precision`, `recall` and
    `f1` are means over labels, so that a rare one counts as much as a frequent one; a label that neither occurs nor is
    found does not count (torchmetrics' own means would take it for a failure).
    """

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        self.nll = MeanMetric()
        self.accuracy = MultilabelExactMatch(num_labels)
        self.counts = MultilabelStatScores(num_labels, average="none")

    def update(
        self,
        nll: Float[Tensor, " batch"],
        found: Bool[Tensor, "batch labels"],
        labels: Bool[Tensor, "batch labels"],
    ) -> None:
        """Take in a batch: what the true labels cost, those that were found, and those that hold."""
        self.nll.update(nll)
        for metric in (self.accuracy, self.counts):
            metric.update(found.int(), labels.int())

    def compute(self) -> dict[str, Tensor | float]:
        """Each figure by its name."""
        hits, surplus, _, missing, _ = self.counts.compute().unbind(dim=-1)
        met = hits + surplus + missing > 0
        hits, surplus, missing = hits[met], surplus[met], missing[met]
        return {
            "nll": self.nll.compute(),
            "accuracy": self.accuracy.compute(),
            "precision": (hits / (hits + surplus).clamp(min=1)).mean(),
            "recall": (hits / (hits + missing).clamp(min=1)).mean(),
            "f1": (2 * hits / (2 * hits + surplus + missing)).mean(),
        }

    def reset(self) -> None:
        """Forget everything collected."""
        for metric in (self.nll, self.accuracy, self.counts):
            metric.reset()
