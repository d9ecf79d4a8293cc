"""Are these the examples of before? A record of a data set's splits that does not depend on where its files lie.

A split's record has the number of its examples and one digest for each kind of fact, over all examples in order: their
captions, and what they say of themselves in `facts_of` (names and sizes of files). No picture is opened.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from diptych.data.capability import capable
from diptych.data.example import Examples, Ordered

SplitRecord = dict[str, Any]
NUMBER = "examples"


class Factual(Protocol):
    """Examples that know more of themselves than their captions, without opening a picture."""

    def facts_of(self, index: int) -> Mapping[str, Any]:
        """Facts that stay the same when files move, by the plural name of their kind."""
        ...


def record_of(splits: Mapping[str, Examples]) -> dict[str, SplitRecord]:
    """The record of every split; an infinite one has no digests."""
    return {name: _record(examples) for name, examples in splits.items()}


def difference(before: Mapping[str, SplitRecord], now: Mapping[str, SplitRecord]) -> str:
    """The first difference between two records, in words; "" if the examples are the same."""
    for split in before:
        old, new = before[split], now.get(split, {})
        if old.get(NUMBER) != new.get(NUMBER):
            return f"its {split} split has {new.get(NUMBER)} examples instead of {old.get(NUMBER)}"
        others = [kind for kind in old if old[kind] != new.get(kind)]
        if others:
            return f"its {split} split has as many examples, but their {' and '.join(others)} differ"
    return ""


def order_of_training(examples: Examples) -> str | None:
    """A digest of the order in which training visits examples that have one of their own; None where they have none.

    Shards that were written anew with other boundaries hold the same examples, in another order.
    """
    ordered = capable(examples, Ordered)
    if ordered is None:
        return None
    return hashlib.sha256(np.asarray(ordered.order(0, 0), "<i8").tobytes()).hexdigest()[:16]


def _record(examples: Examples) -> SplitRecord:
    """One example after the other, so that millions of them need no more memory than one."""
    if examples.size is None:
        return {NUMBER: None}
    digests: dict[str, _ListDigest] = {}
    for index in range(examples.size):
        facts = _facts(examples, index)
        for kind in facts.keys() - digests.keys():
            digests[kind] = _ListDigest(index)
        for kind, digest in digests.items():
            digest.add(facts.get(kind))
    return {NUMBER: examples.size} | {kind: digest.digits() for kind, digest in digests.items()}


def _facts(examples: Examples, index: int) -> dict[str, Any]:
    factual = capable(examples, Factual)
    return {**(factual.facts_of(index) if factual else {}), "captions": examples.captions_of(index)}


class _ListDigest:
    """The digest of a list in JSON, told value by value; the first `num_missing` are null."""

    def __init__(self, num_missing: int) -> None:
        self._hash = hashlib.sha256(b"[")
        self._between = b""
        for _ in range(num_missing):
            self.add(None)

    def add(self, value: Any) -> None:
        """Another value behind the others."""
        self._hash.update(self._between + json.dumps(value).encode())
        self._between = b", "

    def digits(self) -> str:
        """Sixteen of it, of the whole list."""
        whole = self._hash.copy()
        whole.update(b"]")
        return whole.hexdigest()[:16]
