"""In how many pictures' captions an n-gram occurs: what CIDEr-D takes for rare.

Every choice of pictures is another metric, so a `DocumentFrequency` carries the name of its pictures wherever it goes:
those being evaluated (coco-caption's own choice, of which CIDEr-D depends on the subset that is evaluated), a training
set, or a file saved earlier.
"""

import gzip
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import log
from pathlib import Path
from typing import Any, TypeGuard

from diptych.metrics.captions.cider import Weights
from diptych.metrics.captions.ngrams import Ngram

EVALUATED = "evaluated"


@dataclass(frozen=True)
class DocumentFrequency:
    """`counts[ngram]` of `num_images` pictures have the n-gram in a caption; `name` says which pictures those are."""

    name: str
    num_images: int
    counts: Mapping[Ngram, int]

    @classmethod
    def of(cls, name: str, pictures: Sequence[Collection[Ngram]]) -> "DocumentFrequency":
        """Counted over pictures, each with the different n-grams of all its captions."""
        return cls(name, len(pictures), Counter(chain.from_iterable(pictures)))

    def named(self, name: str) -> "DocumentFrequency":
        """The same under another name."""
        return replace(self, name=name)

    def why_undefined(self) -> str | None:
        """With one picture every n-gram is in all of them, and no caption has a direction; None where all is well."""
        if self.num_images > 1:
            return None
        return f"CIDEr-D is undefined for a document frequency of {self.num_images} picture ({self.name})"

    def weights(self) -> Weights:
        """log(N / df) of each n-gram, as CIDEr-D weighs them."""
        rarest = log(self.num_images)
        return Weights({ngram: rarest - log(max(1, count)) for ngram, count in self.counts.items()}, rarest)

    def save(self, path: Path) -> None:
        """As JSON, compressed where the name ends in `.gz`."""
        counts = {" ".join(ngram): count for ngram, count in self.counts.items()}
        text = json.dumps({"name": self.name, "num_images": self.num_images, "document_frequency": counts})
        path.write_bytes(gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text.encode())

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> "DocumentFrequency":
        """From the parsed JSON that `save` wrote; a ValueError says what is missing or cannot be."""
        name, num_images, counts = (table.get(key) for key in ("name", "num_images", "document_frequency"))
        if not isinstance(name, str):
            raise ValueError(f"name is {name!r}, and must say whose words were counted")
        if not _is_count(num_images):
            raise ValueError(f"num_images is {num_images!r}, and must be a whole number of pictures above 0")
        if not isinstance(counts, Mapping):
            raise ValueError(f"document_frequency is {str(counts)[:60]!r}, and must be an object from words to counts")
        for words, count in counts.items():
            if not _is_count(count) or count > num_images:
                raise ValueError(f"{words!r} is counted {count!r} times, which must be 1 to num_images={num_images}")
        return cls(name, num_images, {tuple(words.split(" ")): count for words, count in counts.items()})


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
