"""What evaluations on the test split found of a sweep's runs: reported beside the figures that choose, never mixed in.

Of each run the newest result counts, of all protocols the one by which most runs were measured.
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
class Tests:
    """One figure, by the number of the run's job. `name` says what was measured on what."""

    name: str = ""
    values: Mapping[int, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_tests(runs: Mapping[int, RunFolder]) -> Tests:
    """The main figure of each run's newest evaluation on the test split, of those that were measured alike."""
    found, notes = {}, []
    for number, run in runs.items():
        try:
            found[number] = _of_test(run)
        except UserError as error:
            notes.append(str(error))
    names = [name for own in found.values() for name in own]
    if not names:
        return Tests(notes=tuple(notes))
    chosen = max(dict.fromkeys(names), key=names.count)
    values = {number: value for number, own in found.items() if (value := finite(own.get(chosen))) is not None}
    return Tests(chosen, values, tuple(notes))


def _of_test(run: RunFolder) -> dict[str, float | None]:
    """By the words of its protocol, the main figure's value; later results replace earlier ones."""
    if not any(run.evaluations.glob("*.json")):
        return {}
    from diptych.evaluation.results import read_all  # late: with no evaluation, none of what it needs is loaded

    results = read_all(run.evaluations, pictures=False)
    told = [result for result in results if result.protocol.get("split") == TEST and result.main]
    return {_words(result): result.main and result.main.value for result in told}


def _words(result: "Evaluation") -> str:
    protocol = result.protocol
    data = " ".join((str(protocol.get("data", "?")), *protocol.get("overrides", ())))
    partner = f" with {protocol['with']['run']}" if protocol.get("with") else ""
    seed = f", seed {protocol['seed']}" if protocol.get("seed") else ""
    main = result.main.name if result.main else ""
    return f"{main} ({result.title.lower()}{partner}: {data}, {TEST} split, n = {protocol.get('num', 0):,}{seed})"
