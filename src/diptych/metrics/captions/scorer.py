"""Caption scores as a torchmetrics metric for any training loop: BLEU-1 to BLEU-4, ROUGE-L and CIDEr-D.

```python
from diptych.metrics.captions.scorer import CaptionScorer

scorer = CaptionScorer({"cat.png": ["A cat sleeps.", "The cat is asleep."], "dog.png": ["A dog runs."]})
scorer.update(["cat.png"], ["a cat sleeps"])
scorer.update(["dog.png"], ["a dog runs"])
scorer.compute()  # {"bleu_1": 1.0, ..., "cider_d": ...}
```
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric

from diptych.metrics.captions.document_frequency import DocumentFrequency
from diptych.metrics.captions.references import References
from diptych.metrics.captions.scores import STATISTICS, CaptionScores
from diptych.metrics.captions.tokenization import tokenizer_for

IS_CAPTION = STATISTICS.index("captions")


class CaptionScorer(Metric):
    """Scores of captions against `references[key]`, which are tokenised, counted and weighed once.

    Devices exchange thirteen counts a picture, not captions and not averages: the score of all is that of one device
    which saw everything. A picture that comes again, on the same device or on another, counts once. CIDEr-D weighs
    words by all references that are given here, or by `document_frequency` (such as a training set's), never by those
    of a batch.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    rows: Tensor

    def __init__(
        self,
        references: Mapping[Any, Sequence[str]],
        languages: Sequence[str] = ("en",),
        document_frequency: DocumentFrequency | None = None,
    ) -> None:
        super().__init__()
        self.references = References(references, tokenizer_for(languages), document_frequency)
        self._places = {key: place for place, key in enumerate(self.references.keys)}
        empty = torch.zeros(len(self._places), len(STATISTICS), dtype=torch.float64)
        self.add_state("rows", empty, dist_reduce_fx=first_of_each)

    def update(self, keys: Sequence[Any], captions: Sequence[str]) -> None:
        """One caption of each of these pictures; a ValueError names a picture without references."""
        for key, caption in zip(keys, captions, strict=True):
            if key not in self._places:
                raise ValueError(f"predictions: there are no references for {key}")
            row = self.references.statistics(key, caption)
            self.rows[self._places[key]] = torch.tensor(row, dtype=self.rows.dtype, device=self.rows.device)

    def compute(self) -> dict[str, float]:
        """Every score that is defined, of the pictures that have a caption by now; {} of none."""
        values = self.scores().values() if bool(self.rows[:, IS_CAPTION].any()) else {}
        return {name: value for name, value in values.items() if value is not None}

    def scores(self) -> CaptionScores:
        """The counts of each caption on this device, for intervals: `scores().intervals(seed=0)`."""
        seen = self.rows[self.rows[:, IS_CAPTION] > 0]
        return CaptionScores(np.array(seen.tolist(), dtype=np.float64), self.references.undefined)


def first_of_each(rows: Float[Tensor, "devices pictures statistics"]) -> Float[Tensor, "pictures statistics"]:
    """The counts of each picture by the first device that has seen it."""
    first = (rows[..., IS_CAPTION] > 0).int().argmax(dim=0)
    return rows[first, torch.arange(rows.shape[1], device=rows.device)]
