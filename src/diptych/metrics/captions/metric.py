"""BLEU-4 and CIDEr-D of a validation, gathered over batches and devices."""

import json
from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from diptych.metrics.captions.references import References
from diptych.metrics.captions.tokenization import tokenizer_for

LOGGED = ("bleu_4", "cider_d")


class CaptionQuality(Metric):
    """BLEU-4 and CIDEr-D of captions against the references of their pictures, which are prepared once.

    Devices exchange the captions themselves, as bytes, because CIDEr-D weighs words by all references; a picture that
    several of them saw counts once.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    lines: list[Tensor]

    def __init__(self, languages: Sequence[str] = ("en",)) -> None:
        super().__init__()
        self.tokenizer = tokenizer_for(languages)
        self.add_state("lines", [], dist_reduce_fx="cat")
        self._references: tuple[dict[str, list[str]], References] | None = None

    def update(self, keys: Sequence[str], captions: Sequence[str], references: Sequence[Sequence[str]]) -> None:
        """One caption of each picture, and what people said of it."""
        rows = zip(keys, captions, references, strict=True)
        text = "".join(json.dumps(row) + "\n" for row in rows)
        self.lines.append(torch.tensor(list(text.encode()), dtype=torch.uint8, device=self.device))

    def compute(self) -> dict[str, float]:
        """`LOGGED` figures, all that are defined: a single picture has no CIDEr-D, short references have no BLEU-4."""
        lines = bytes(dim_zero_cat(self.lines).tolist()).decode().splitlines()
        rows = {key: (caption, references) for key, caption, references in map(json.loads, lines)}
        scores = self._prepared({key: references for key, (_, references) in rows.items()})
        values = scores.score({key: caption for key, (caption, _) in rows.items()}).values()
        return {name: value for name in LOGGED if (value := values[name]) is not None}

    def _prepared(self, references: dict[str, list[str]]) -> References:
        if self._references is None or self._references[0] != references:
            self._references = references, References(references, self.tokenizer)
        return self._references[1]
