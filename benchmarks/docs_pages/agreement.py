"""Judge and classifier on generated images, as a table in docs/judge.md.

`python -m benchmarks.docs_pages.agreement RUN...` reads each generator's newest result of `diptych evaluate RUN --with
CLASSIFIER` and writes the table between two marks.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from diptych.config.errors import UserError
from diptych.evaluation.classification.agreement import KAPPA, Agreement
from diptych.evaluation.results import Evaluation, Figure, read_all
from diptych.reports.page.markdown import markdown_table
from diptych.runs.folder.find import default_outputs, find_run
from diptych.runs.folder.layout import RunFolder

from .pages import rewrite

PAGE, NAME = Path("docs/judge.md"), "agreement"
HEADER = (
    "generator",
    "read alike",
    "of those the judge accepts",
    "shows what was asked: to both, judge alone, classifier alone, neither",
    "same verdict",
    "kappa",
)


def main(names: Sequence[str]) -> None:
    """Write the table of the named generators."""
    rewrite(PAGE, NAME, agreement_table([find_run(name, default_outputs()) for name in names]))


def agreement_table(runs: Sequence[RunFolder]) -> str:
    """How it was measured, and a line for each generator."""
    results = [_newest(run) for run in runs]
    rows = [_row(run, result) for run, result in zip(runs, results, strict=True)]
    protocol = results[0].protocol
    conditions = (
        f"{protocol['num']:,} {protocol['split']} sentences each, seed {protocol['seed']}, judge "
        f"{protocol['judge']['version']}, commit {protocol['commit'][:10]}, classifier {protocol['with']['run']}; one "
        "training run each; 95 % intervals over contents."
    )
    return f"{conditions}\n\n{markdown_table(HEADER, rows)}"


def _newest(run: RunFolder) -> Evaluation:
    results = [result for result in read_all(run.evaluations, pictures=False) if result.kind == Agreement.kind]
    if not results:
        raise UserError(
            f"{run.run_id} was not read by a classifier yet: diptych evaluate {run.run_id} --with CLASSIFIER"
        )
    return results[-1]


def _row(run: RunFolder, result: Evaluation) -> tuple[str, ...]:
    by_key = {figure.key: figure for figure in result.figures}
    alike, accepted, same = (by_key[key] for key in ("read_alike", "read_alike_accepted", "same_verdict"))
    kappa = by_key[KAPPA]
    cells = ", ".join(re.findall(r"[\d,]*\d", kappa.finding)[:4])
    generator = f"`{run.experiment}`, {result.protocol['images_seen']:,} images"
    return (
        generator,
        _rate(alike),
        _count(accepted),
        cells,
        _rate(same),
        "—" if kappa.value is None else f"{kappa.value:.2f}",
    )


def _rate(figure: Figure) -> str:
    low, high = (100 * bound for bound in figure.interval or (0.0, 1.0))
    return f"{100 * (figure.value or 0.0):.1f} % ({low:.1f} to {high:.1f})"


def _count(figure: Figure) -> str:
    return f"{figure.hits.count('1'):,} of {figure.n:,}"


if __name__ == "__main__":
    main(sys.argv[1:])
