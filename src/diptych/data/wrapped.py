"""Examples seen in another way, of which everything else stays known: order, identities, facts of files."""

from dataclasses import dataclass
from typing import Any

from diptych.data.example import Examples


@dataclass(frozen=True)
class Wrapped:
    """Base of what changes the examples of a split: whatever it does not say itself, the `examples` say."""

    examples: Examples

    @property
    def size(self) -> int | None:
        return self.examples.size

    def captions_of(self, index: int) -> tuple[str, ...]:
        return self.examples.captions_of(index)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "examples":  # while a copy is being made
            raise AttributeError(name)
        return getattr(self.examples, name)
