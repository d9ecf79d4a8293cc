"""Are these the examples of before? A record of a data set's splits that does not depend on where its files lie.

A split's record has the number of its examples and one digest for each kind of fact, over all examples in order: their
captions, and what they say of themselves in `facts_of` (names and sizes of files). No picture is opened.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from diptych.data.example import Examples

SplitRecord = dict[str, Any]
NUMBER = "examples"


@runtime_checkable
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


def _record(examples: Examples) -> SplitRecord:
    if examples.size is None:
        return {NUMBER: None}
    facts = [_facts(examples, index) for index in range(examples.size)]
    kinds = dict.fromkeys(kind for each in facts for kind in each)
    return {NUMBER: examples.size} | {kind: _digest([each.get(kind) for each in facts]) for kind in kinds}


def _facts(examples: Examples, index: int) -> dict[str, Any]:
    own = examples.facts_of(index) if isinstance(examples, Factual) else {}
    return {**own, "captions": examples.captions_of(index)}


def _digest(facts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
