"""Sentences as text encoders read them, and how many of them are left out."""

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


def check_dropout(text_dropout: float) -> None:
    """Refuse what is no share of the sentences."""
    if not 0 <= text_dropout < 1:
        raise ValueError(f"system.text_dropout={text_dropout:g} is a share of sentences: give 0 to below 1")


def check_guided(guidance_scale: float, *, has_sentences: bool, away_from_something: bool, way_out: str = "") -> None:
    """Refuse guidance without sentences, or with nothing to move away from; `way_out` says what else helps."""
    if not has_sentences:
        raise ValueError(f"guidance_scale={guidance_scale:g}: this network learned without sentences; leave it out")
    if not away_from_something:
        raise ValueError(
            f"guidance_scale={guidance_scale:g}: this network never learned without sentences (system.text_dropout=0); "
            f"leave the option out{way_out}"
        )
