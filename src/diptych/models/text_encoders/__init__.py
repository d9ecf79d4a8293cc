"""Text encoders: from sentences to a vector a sentence and a vector a word."""

from diptych.models.text_encoders.recurrent import (
    GRUTextEncoder,
    LSTMTextEncoder,
    PooledGRUTextEncoder,
    RecurrentTextEncoder,
    RNNTextEncoder,
)

__all__ = [
    "GRUTextEncoder",
    "LSTMTextEncoder",
    "PooledGRUTextEncoder",
    "RNNTextEncoder",
    "RecurrentTextEncoder",
]
