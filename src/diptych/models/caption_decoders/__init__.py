"""Caption decoders: from image features to the words of captions. `interface` says what each offers."""

from diptych.models.caption_decoders.attention import AttentionLSTMDecoder
from diptych.models.caption_decoders.hard_attention import HardAttentionLSTMDecoder
from diptych.models.caption_decoders.interface import DecoderOutput, State, Step, repeat_rows
from diptych.models.caption_decoders.prefix import PrefixDecoder
from diptych.models.caption_decoders.recurrent import (
    EveryStepGRUDecoder,
    EveryStepLSTMDecoder,
    EveryStepRNNDecoder,
    GRUDecoder,
    LSTMDecoder,
    RNNDecoder,
)
from diptych.models.caption_decoders.top_down import TopDownDecoder
from diptych.models.caption_decoders.transformer import TransformerDecoder

__all__ = [
    "AttentionLSTMDecoder",
    "DecoderOutput",
    "EveryStepGRUDecoder",
    "EveryStepLSTMDecoder",
    "EveryStepRNNDecoder",
    "GRUDecoder",
    "HardAttentionLSTMDecoder",
    "LSTMDecoder",
    "PrefixDecoder",
    "RNNDecoder",
    "State",
    "Step",
    "TopDownDecoder",
    "TransformerDecoder",
    "repeat_rows",
]
