"""Sentences of values, as `colour: red; size: small`: what a table says of a picture that has no captions.

They are sentences as others are, so that any text encoder reads them and `diptych generate` takes them. Case does not
matter.
"""

from collections.abc import Mapping

AFTER_VALUE, AFTER_NAME = ";", ":"


def sentence_of(values: Mapping[str, str]) -> str:
    """The values by their columns; `fault_of_value` says which can be said."""
    return f"{AFTER_VALUE} ".join(f"{name}{AFTER_NAME} {value}" for name, value in values.items())


def values_of(sentence: str) -> dict[str, str]:
    """The inverse of `sentence_of`, in lower case; what is no value of a column is left out."""
    pairs = (part.partition(AFTER_NAME) for part in sentence.split(AFTER_VALUE))
    plain = ((_plain(name), _plain(value)) for name, _, value in pairs)
    return {name: value for name, value in plain if name and value}


def fault_of_value(value: str) -> str:
    """Why a sentence cannot have this value; "" if it can."""
    return f"holds {AFTER_VALUE!r}, which separates values" if AFTER_VALUE in value else ""


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
