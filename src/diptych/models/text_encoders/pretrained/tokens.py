"""A pretrained network's own tokenizer, from its JSON (`tokenizer.json`)."""

import logging
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from diptych.models.text_encoders.pretrained.source import Blueprint

FEWEST = 4
"""Tokens that leave room for words between the special ones."""
MOST_QUOTED = 60
_log = logging.getLogger(__name__)


class SubwordTokenizer:
    """Cuts sentences into the numbers of tokens, at most `max_length` of each (None: all that the network can read).

    A sentence without tokens is read as the single token `empty`. Copies are the same object.
    """

    def __init__(self, blueprint: Blueprint, *, max_length: int | None, empty: int) -> None:
        most = blueprint.most_tokens
        if max_length is not None and not FEWEST <= max_length <= most:
            raise ValueError(f"text_encoder.max_length={max_length} must be at least {FEWEST} and at most {most:,}")
        self.max_length, self.empty = max_length or most, empty
        self._tokenizer: Any = import_module("tokenizers").Tokenizer.from_str(blueprint.tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.max_length)
        self._has_told = False

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text; that a text was cut off is said once."""
        return [self._encode(text) for text in texts]

    def __deepcopy__(self, memo: dict[int, Any]) -> "SubwordTokenizer":
        return self

    def _encode(self, text: str) -> list[int]:
        encoding = self._tokenizer.encode(text)
        if encoding.overflowing and not self._has_told:
            self._has_told = True
            _log.warning(
                "text_encoder.max_length=%s: the tokens of longer sentences are left out, as in %r",
                f"{self.max_length:,}",
                text if len(text) <= MOST_QUOTED else f"{text[:MOST_QUOTED]}…",
            )
        return encoding.ids or [self.empty]
