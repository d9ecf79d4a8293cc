"""Test results of a sweep's runs, reported beside the validation figures and never mixed with them.

The newest result of each run counts, and the protocol that most runs share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diptych.config.errors import UserError
from diptych.reports.sweeps.trials import finite
from diptych.runs.folder.layout import RunFolder

if TYPE_CHECKING:
    from diptych.evaluation.results import Evaluation

TEST = "test"


@dataclass(frozen=True)
class TestFigures:
    """One figure per run, by the number of its job. `name` describes the metric and its protocol."""

    name: str = ""
    values: Mapping[int, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_test_figures(runs: Mapping[int, RunFolder]) -> TestFigures:
    """The main figure of each run's newest evaluation on the test split, for the most common protocol."""
    found, notes = {}, []
    for number, run in runs.items():
        try:
            found[number] = _of_test(run)
        except UserError as error:
            notes.append(str(error))
    names = [name for own in found.values() for name in own]
    if not names:
        return TestFigures(notes=tuple(notes))
    chosen = max(dict.fromkeys(names), key=names.count)
    values = {number: value for number, own in found.items() if (value := finite(own.get(chosen))) is not None}
    return TestFigures(chosen, values, tuple(notes))


def _of_test(run: RunFolder) -> dict[str, float | None]:
    """The main figure's value by the description of its protocol; later results replace earlier ones."""
    if not any(run.evaluations.glob("*.json")):
        return {}
    from diptych.evaluation.results import read_all  # imported late, because it is slow and often not needed

    results = read_all(run.evaluations, pictures=False)
    tested = [result for result in results if result.protocol.get("split") == TEST and result.main]
    return {_description(result): result.main and result.main.value for result in tested}


def _description(result: "Evaluation") -> str:
    protocol = result.protocol
    data = " ".join((str(protocol.get("data", "?")), *protocol.get("overrides", ())))
    partner = f" with {protocol['with']['run']}" if protocol.get("with") else ""
    seed = f", seed {protocol['seed']}" if protocol.get("seed") else ""
    main = result.main.name if result.main else ""
    return f"{main} ({result.title.lower()}{partner}: {data}, {TEST} split, n = {protocol.get('num', 0):,}{seed})"
