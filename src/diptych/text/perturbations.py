"""Sentences as people mistype and mangle them: functions from tokens to tokens, or None where it cannot be done."""

import difflib
from collections.abc import Collection, Sequence
from random import Random

LEAST_LETTERS = 4
MADE_UP = ("wug", "dax", "blicket", "fep", "toma")
"""Words that psycholinguists made up; a language may know some of them, so those are left out."""

TRIES = 50


def mistyped(tokens: Sequence[str], known: Collection[str], rng: Random) -> list[str] | None:
    """One slip of a finger in one word: a letter left out, doubled, or before its neighbour.

    The result is no known word, and the known word nearest to it is the one that was meant, so that a reader can tell.
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
    """One of the words replaced by one that nobody knows."""
    places = [i for i, token in enumerate(tokens) if token.isalpha()]
    return _with(tokens, rng.choice(places), _made_up(known, rng)) if places else None


def with_further_word(tokens: Sequence[str], known: Collection[str], rng: Random) -> list[str]:
    """A word that nobody knows added before or after all others, which say what they said."""
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
