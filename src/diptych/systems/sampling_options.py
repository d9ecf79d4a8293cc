"""What a call may ask of how images are made; a family of generators has options of its own."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SamplingOptions:
    """The options of a family's `generate`; the base has none.

    A family's own dataclass has a default for every field; its fields are the options of `diptych generate`
    (`KEY=VALUE`), of `generate()` in Python, and the entries of an evaluation's protocol. It refuses impossible values.
    """

    @property
    def sentences(self) -> tuple[str, ...]:
        """Those among the options, whose words the run must know."""
        return ()
