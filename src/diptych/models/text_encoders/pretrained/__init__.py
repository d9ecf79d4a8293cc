"""Text encoders that somebody has trained already, by the `transformers` library, which is an extra."""

from diptych.models.text_encoders.pretrained.encoders import (
    BertClassTokenTextEncoder,
    BertTextEncoder,
    CLIPTextEncoder,
    GPT2TextEncoder,
    PretrainedTextEncoder,
)

__all__ = [
    "BertClassTokenTextEncoder",
    "BertTextEncoder",
    "CLIPTextEncoder",
    "GPT2TextEncoder",
    "PretrainedTextEncoder",
]
