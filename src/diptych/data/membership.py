"""Which examples a split holds, as short digests, so that they are known again wherever they turn up.

An example has a name in its data and a content that is the same under any name and in any folder: the bytes of a
picture's file, or the number of a picture in a public data set. A picture that was saved again has another content.
"""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, Self

from diptych.data.capability import capable
from diptych.data.loading.workers import usable_cores

DIGITS = 16
"""Of a digest: among a million examples two share one with a chance of 3e-8."""
INCOMPLETE = "incomplete"
NO_NAME = "-" * DIGITS
"""In place of a name's digest: the example is known by its content alone."""


class Identity(NamedTuple):
    """The digests of one example's name and content."""

    name: str
    content: str

    @classmethod
    def of(cls, name: str, content: bytes) -> Self:
        """The digests of these."""
        return cls.of_digest(name, digest_of(content))

    @classmethod
    def of_digest(cls, name: str, content_digest: str) -> Self:
        """Of a content that has been digested before."""
        return cls(digest_of(name.encode()), content_digest)


class Identified(Protocol):
    """A finite split that knows its examples' identities; data of one's own may have it as well."""

    @property
    def size(self) -> int | None: ...

    def identity_of(self, index: int) -> Identity: ...


@dataclass(frozen=True)
class Membership:
    """A set of examples by their identities; there may be more where it is not known to be complete."""

    identities: frozenset[Identity]
    is_complete: bool = True

    @classmethod
    def of(cls, split: Any) -> Self | None:
        """All examples of a split; None where it is endless or does not know them."""
        identities = identities_of(split)
        return None if identities is None else cls(frozenset(identities))

    def has_names_of(self, examples: Iterable[Identity]) -> list[bool]:
        """Of each example, whether one of the set has its name."""
        names = {identity.name for identity in self.identities}
        return [example.name in names for example in examples]

    def has_contents_of(self, examples: Iterable[Identity]) -> list[bool]:
        """Of each example, whether one of the set has its content."""
        contents = {identity.content for identity in self.identities}
        return [example.content in contents for example in examples]

    def without_names(self) -> Self:
        """The same contents, for data in which other examples may have these names."""
        return replace(self, identities=frozenset(identity._replace(name=NO_NAME) for identity in self.identities))

    def to_text(self) -> str:
        """A line an example: the digests of its name and of its content. A first line says if there may be more."""
        rows = "".join(f"{identity.name} {identity.content}\n" for identity in sorted(self.identities))
        return rows if self.is_complete else f"{INCOMPLETE}\n{rows}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The inverse of `to_text`; a ValueError where the text is none."""
        lines = text.splitlines()
        is_complete = lines[:1] != [INCOMPLETE]
        rows = [line.split() for line in (lines if is_complete else lines[1:])]
        if any(len(row) != len(Identity._fields) for row in rows):
            raise ValueError("a line has not two digests")
        return cls(frozenset(Identity(*row) for row in rows), is_complete)


def identities_of(split: Any, first: int | None = None) -> Sequence[Identity] | None:
    """Of the first examples of a split, or of all; None where it is endless or does not know them."""
    identified = capable(split, Identified)
    if identified is None or identified.size is None:
        return None
    number = identified.size if first is None else min(first, identified.size)
    with ThreadPoolExecutor(usable_cores()) as pool:
        return list(pool.map(identified.identity_of, range(number)))


def digest_of(content: bytes) -> str:
    """The digest by which an example's name or content is known."""
    return hashlib.sha256(content).hexdigest()[:DIGITS]
