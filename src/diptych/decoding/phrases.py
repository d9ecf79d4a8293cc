"""How much of some required phrases captions contain, as counts of tokens.

A phrase counts as far as the caption's end is its beginning, and whole once the caption contains it. The counts come
from the automaton of Knuth, Morris & Pratt 1977, one for each phrase. Phrases that pieces of words spell count symbols.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from diptych.decoding.spelling import SpeltPhrase


class Phrases:
    """Phrases of token ids, and spelt ones; `len` is how many tokens and symbols they have together."""

    def __init__(self, phrases: Sequence[Sequence[int]] = (), spelt: Sequence[SpeltPhrase] = ()) -> None:
        if not all(phrases):
            raise ValueError(f"contains={list(phrases)}: a phrase has at least one token")
        self.phrases, self.spelt = [tuple(phrase) for phrase in phrases], spelt

    def __len__(self) -> int:
        return sum(map(len, self.phrases)) + sum(map(len, self.spelt))

    def met(self, tokens: Int[Tensor, "rows time"]) -> Int[Tensor, " rows"]:
        """How many tokens of the phrases these captions have."""
        zero = torch.zeros(len(tokens), dtype=torch.long, device=tokens.device)
        vocabulary_size = 1 + max([0, *(token for phrase in self.phrases for token in phrase)])
        capped = tokens.clamp_max(vocabulary_size)  # one more id stands for all tokens of no phrase
        counts = [states for states, _ in self._read(capped, vocabulary_size + 1)]
        counts += [phrase.met.to(states.device)[states] for phrase, states, _ in self._spell(tokens)]
        return sum(counts, zero)

    def met_after(self, tokens: Int[Tensor, "rows time"], vocabulary_size: int) -> Int[Tensor, "rows vocabulary"]:
        """The same after each possible next token."""
        zero = torch.zeros(len(tokens), vocabulary_size, dtype=torch.long, device=tokens.device)
        counts = [table[states] for states, table in self._read(tokens, vocabulary_size)]
        counts += [phrase.met.to(states.device)[table[states]] for phrase, states, table in self._spell(tokens)]
        return sum(counts, zero)

    def _read(self, tokens: Tensor, vocabulary_size: int) -> list[tuple[Tensor, Tensor]]:
        """For each phrase how much of it there is, and what each next token makes of that."""
        found = []
        for phrase in self.phrases:
            table = _automaton(phrase, vocabulary_size).to(tokens.device)
            found.append((states_after(table, tokens), table))
        return found

    def _spell(self, tokens: Tensor) -> list[tuple[SpeltPhrase, Tensor, Tensor]]:
        """The same for each spelt phrase, of which all tokens move the automaton."""
        tables = [phrase.kept.to(tokens.device) for phrase in self.spelt]
        return [(phrase, states_after(t, tokens), t) for phrase, t in zip(self.spelt, tables, strict=True)]


def states_after(table: Int[Tensor, "states vocabulary"], tokens: Int[Tensor, "rows time"]) -> Int[Tensor, " rows"]:
    """The state of an automaton after these tokens."""
    states = torch.zeros(len(tokens), dtype=torch.long, device=tokens.device)
    for column in tokens.unbind(1):
        states = table[states, column]
    return states


def _automaton(phrase: tuple[int, ...], vocabulary_size: int) -> Int[Tensor, "states vocabulary"]:
    """The next count for each count and token; a whole phrase stays whole."""
    table = torch.zeros(len(phrase) + 1, vocabulary_size, dtype=torch.long)
    for state in range(len(phrase)):
        for token in set(phrase):
            text = (*phrase[:state], token)
            table[state, token] = next(n for n in range(state + 1, -1, -1) if text[len(text) - n :] == phrase[:n])
    table[-1] = len(phrase)
    return table
