"""Sentences as text encoders read them."""

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from diptych.text.tokenizers import Tokenizer
from diptych.types import PAD_ID, Sentences


def tokenized(texts: Sequence[str], tokenizer: Tokenizer, *, max_length: int, device: torch.device) -> Sentences:
    """Padded to the data's longest sentence, so that no sentence depends on the others."""
    tokens, _ = tokenizer.encode_batch(texts)
    tokens = F.pad(tokens, (0, max_length - tokens.shape[1]), value=PAD_ID).to(device)
    return Sentences(tuple(texts), tokens, tokens != PAD_ID)
