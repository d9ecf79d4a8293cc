"""Phrases in captions whose tokens are pieces of words: found however the pieces cut them.

A phrase of letters can be said in many ways as pieces, alone or joined to its neighbours. So its automaton reads the
symbols that tokens are spelt with, and a token moves it over all of its symbols. A phrase that begins or ends with a
letter is a phrase only where no other letter joins it there: "red" is not in "hundred" or "reddish".
"""

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

AFTER_LETTER = 1
"""The state in which nothing is met and a letter has just been read; 0 is the same behind anything else."""


class Spelling(NamedTuple):
    """The symbols of each token, by id (none: a sign that joins nothing), and which symbols are letters."""

    tokens: Sequence[str]
    letters: Collection[str]


class SpeltPhrase:
    """A phrase in symbols; `len` is how many. With `begins` or `ends`, no letter may join it on that side.

    States: 0 and `AFTER_LETTER`, then one for each symbol that is met, and the last one for a phrase that is whole
    whatever follows. Where its last symbol is also a token's last one, it is whole unless a letter follows.
    """

    def __init__(self, phrase: str, spelling: Spelling, *, begins: bool, ends: bool) -> None:
        if not phrase:
            raise ValueError("contains: a phrase has at least one symbol")
        self.phrase, self.spelling, self.begins, self.ends = phrase, spelling, begins, ends
        self._steps: dict[tuple[int, str], tuple[int, bool]] = {}

    def __len__(self) -> int:
        return len(self.phrase)

    @property
    def met(self) -> Int[Tensor, " states"]:
        """How many symbols of the phrase each state has."""
        return torch.tensor([0, 0, *range(1, len(self) + 1), len(self)])

    @cached_property
    def kept(self) -> Int[Tensor, "states vocabulary"]:
        """The next state by state and token; what is whole whatever follows stays whole."""
        last = len(self) + 2
        rows = [[last if whole else state for state, whole, _ in row] for row in self._moves]
        return torch.tensor([*rows, [last] * len(self.spelling.tokens)])

    @cached_property
    def moves(self) -> Int[Tensor, "states vocabulary"]:
        """The next state by state and token, as if nothing had been whole before."""
        return torch.tensor([[state for state, _, _ in row] for row in self._moves])

    @cached_property
    def completing(self) -> Bool[Tensor, "states vocabulary"]:
        """Which tokens complete the phrase."""
        end = len(self) + 1
        return torch.tensor([[state == end or inside for state, _, inside in row] for row in self._moves])

    @cached_property
    def _moves(self) -> list[list[tuple[int, bool, bool]]]:
        """By state and token the next state, whether the phrase has become whole, and whether it ends in the token."""
        return [[self._read(state, token) for token in self.spelling.tokens] for state in range(len(self) + 2)]

    def _read(self, state: int, symbols: str) -> tuple[int, bool, bool]:
        whole = []
        for symbol in symbols or (" ",):
            state, now = self._step(state, symbol)
            whole.append(now)
        return state, any(whole), any(whole[1:])

    def _step(self, state: int, symbol: str) -> tuple[int, bool]:
        if (state, symbol) not in self._steps:
            self._steps[state, symbol] = self._found(state, symbol)
        return self._steps[state, symbol]

    def _found(self, state: int, symbol: str) -> tuple[int, bool]:
        """The state after a symbol, and whether the phrase is whole before it."""
        is_letter = symbol in self.spelling.letters
        length, end = max(0, state - 1), len(self)
        text = self.phrase[:length] + symbol
        whole = length == end and not (self.ends and is_letter)
        for number in range(min(len(text), end), 0, -1):
            before = text[: len(text) - number]
            joined = before[-1] in self.spelling.letters if before else state == AFTER_LETTER
            if text.endswith(self.phrase[:number]) and not (self.begins and joined):
                return number + 1, whole
        return (AFTER_LETTER if is_letter else 0), whole
