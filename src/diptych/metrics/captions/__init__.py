"""Caption metrics without Java, equal to coco-caption's; docs/caption_metrics.md explains them and their neighbours."""

from diptych.metrics.captions.document_frequency import EVALUATED, DocumentFrequency
from diptych.metrics.captions.references import References
from diptych.metrics.captions.scores import SCORES, STATISTICS, CaptionScores, scores_of
from diptych.metrics.captions.tokenization import CHARACTERS, GIVEN, PTB, CaptionTokenizer, tokenizer_for

__all__ = [
    "CHARACTERS",
    "EVALUATED",
    "GIVEN",
    "PTB",
    "SCORES",
    "STATISTICS",
    "CaptionScores",
    "CaptionTokenizer",
    "DocumentFrequency",
    "References",
    "scores_of",
    "tokenizer_for",
]
