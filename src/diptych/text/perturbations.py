"""Perturb sentences with typical human errors: functions from tokens to tokens, or None if impossible."""

import difflib
from collections.abc import Collection, Sequence
from random import Random

LEAST_LETTERS = 4
MADE_UP = ("wug", "dax", "blicket", "fep", "toma")
"""Nonce words of psycholinguists; those in a language's vocabulary are not used."""

TRIES = 50


def mistyped(tokens: Sequence[str], known: Collection[str], rng: Random) -> list[str] | None:
    """One typing error in one word: a letter left out, doubled or swapped.

    The result is not a known word, and its nearest known word is the original one, so a reader can correct it.
    """
    places = [i for i, token in enumerate(tokens) if len(token) >= LEAST_LETTERS and token.isalpha()]
    for _ in range(TRIES if places else 0):
        place = rng.choice(places)
        slip = _slip(tokens[place], rng)
        if slip not in known and difflib.get_close_matches(slip, known, n=1) == [tokens[place]]:
            return _with(tokens, place, slip)
    return None


def reordered(tokens: Sequence[str], rng: Random) -> list[str] | None:
    """The same words in another order."""
    for _ in range(TRIES):
        order = rng.sample(list(tokens), len(tokens))
        if order != list(tokens):
            return order
    return None


def with_unknown_word(tokens: Sequence[str], known: Collection[str], rng: Random) -> list[str] | None:
    """Replace one word by an unknown word."""
    places = [i for i, token in enumerate(tokens) if token.isalpha()]
    return _with(tokens, rng.choice(places), _made_up(known, rng)) if places else None


def with_further_word(tokens: Sequence[str], known: Collection[str], rng: Random) -> list[str]:
    """Add an unknown word before or after the sentence, whose meaning stays."""
    word = _made_up(known, rng)
    return [word, *tokens] if rng.random() < 0.5 else [*tokens, word]


def _slip(word: str, rng: Random) -> str:
    i = rng.randrange(1, len(word))
    slips = (
        word[:i] + word[i + 1 :],
        word[:i] + word[i] + word[i:],
        word[: i - 1] + word[i] + word[i - 1] + word[i + 1 :],
    )
    return rng.choice(slips)


def _made_up(known: Collection[str], rng: Random) -> str:
    return rng.choice([word for word in MADE_UP if word not in known])


def _with(tokens: Sequence[str], place: int, word: str) -> list[str]:
    return [*tokens[:place], word, *tokens[place + 1 :]]
