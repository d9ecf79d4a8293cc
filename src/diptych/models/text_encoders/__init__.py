"""Text encoders: from sentences to a vector a sentence and a vector a word."""

from diptych.models.text_encoders.interface import TextEncoder
from diptych.models.text_encoders.pretrained import (
    BertClassTokenTextEncoder,
    BertTextEncoder,
    CLIPTextEncoder,
    GPT2TextEncoder,
    PretrainedTextEncoder,
)
from diptych.models.text_encoders.recurrent import (
    GRUTextEncoder,
    LSTMTextEncoder,
    PooledGRUTextEncoder,
    RecurrentTextEncoder,
    RNNTextEncoder,
)
from diptych.models.text_encoders.symbols import SymbolTextEncoder
from diptych.models.text_encoders.transformer import TransformerTextEncoder
from diptych.models.text_encoders.word_sums import BagOfWordsTextEncoder, TfidfTextEncoder, WordSumTextEncoder
from diptych.models.text_encoders.word_vectors import WordVectorTextEncoder

__all__ = [
    "BagOfWordsTextEncoder",
    "BertClassTokenTextEncoder",
    "BertTextEncoder",
    "CLIPTextEncoder",
    "GPT2TextEncoder",
    "GRUTextEncoder",
    "LSTMTextEncoder",
    "PooledGRUTextEncoder",
    "PretrainedTextEncoder",
    "RNNTextEncoder",
    "RecurrentTextEncoder",
    "SymbolTextEncoder",
    "TextEncoder",
    "TfidfTextEncoder",
    "TransformerTextEncoder",
    "WordSumTextEncoder",
    "WordVectorTextEncoder",
]
