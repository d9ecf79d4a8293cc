"""How far a call has come that makes images; whoever watches may stop it."""

from collections.abc import Callable

Watch = Callable[[float, int], None]
"""(images made so far, all that are asked for); what it raises ends the call."""


class SamplingProgress:
    """Counts the images of one call, part by part; an image that takes many steps counts by shares."""

    def __init__(self, total: int, watch: Watch | None = None) -> None:
        self.total, self.watch = total, watch
        self.made = self.under_way = 0

    def begin(self, number: int) -> None:
        """So many images are made now; those before are done."""
        self.made += self.under_way
        self.under_way = number
        self.reach(0.0)

    def reach(self, share: float) -> None:
        """Those that are made now have come so far, from 0 to 1."""
        if self.watch is not None:
            self.watch(self.made + share * self.under_way, self.total)
