"""What a benchmark is: a class that measures one thing of a run, in diptych or in a package of your own.

`SUITE` (suite.py) lists diptych's own. To add one: a class and a line there, or `diptych evaluate --benchmark`.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from diptych.evaluation.context import Context
from diptych.evaluation.results import Evaluation, Layout


@runtime_checkable
class Benchmark(Protocol):
    """One table of figures. Inherit from it to have its defaults.

    `kind` names it for programs and in file names, `title` for people. `lead` introduces its examples in a report, and
    `layout` is the gallery that shows them. `needs` says in words what it applies to. `options` are the fields of the
    request that it reads beside data, split, num and seed; one that reads `partners` is measured once a partner.
    """

    kind: str
    title: str
    lead: str = ""
    layout: str = Layout.NONE
    needs: str = "some runs"
    options: Sequence[str] = ()

    def applies(self, context: Context) -> bool:
        """Whether the run can do it and the request asks for it."""
        ...

    def refusal(self, context: Context) -> str:
        """Why it cannot be measured although it applies; "" where it can."""
        return ""

    def measure(self, context: Context) -> Evaluation:
        """The table, with its examples."""
        ...
