"""A sweep's table as text for a terminal of 80 columns."""

from collections.abc import Sequence
from textwrap import wrap

from diptych.reports.page.columns import COLUMNS, cut_in_the_middle, shortened
from diptych.reports.sweeps.best_trial import BestTrial, command_lines
from diptych.reports.sweeps.importance import Importances
from diptych.reports.sweeps.parameters import ABSENT, short_names, value_text
from diptych.reports.sweeps.pareto import pareto_front
from diptych.reports.sweeps.trials import DONE, SweepTable, Trial
from diptych.reports.sweeps.wording import (
    best_trial_text,
    confirmation_text,
    counts_text,
    failures_of,
    figure_text,
    importance_text,
    numbers_text,
    objectives_text,
    parameters_text,
    rivals_text,
    shortest_interval,
)

MOST_ROWS = 20
MOST_FAILURES = 8
LEAST_VALUE, MOST_VALUE = 5, 14
VALUE_WIDTHS = (18, 14, 11, 9)
GAP = 2
BAR = 20
IMAGES, TIME = "images", "time"


def sweep_text(table: SweepTable, best_trial: BestTrial | None, importances: Importances) -> str:
    """The trials, the best one with its commands, parameter importance, and failures."""
    parts = [
        [*_wrapped(f"sweep {table.name}: {counts_text(table)}"), *_wrapped(objectives_text(table))],
        _trials(table),
        _front(table),
        _best_trial(table, best_trial),
        _importances(importances) if table.ranked else [],
        _failures(table),
        [line for note in table.notes for line in wrap(f"note: {note}", COLUMNS, subsequent_indent="  ")],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _trials(table: SweepTable) -> list[str]:
    """One line per trial, with its parameters in columns, or on a line below if these do not fit."""
    shown = table.trials[:MOST_ROWS]
    rows = [_cells(table, trial) for trial in shown]
    header = _header(table)
    same_images = len({trial.images for trial in table.ranked}) == 1
    filled = [i for i in range(len(header)) if i < 2 or any(row[i] not in ("", "—") for row in rows)]
    redundant = {IMAGES} if same_images else set()
    redundant |= {TIME} if any(objective.name == "seconds" for objective in table.objectives) else set()
    used = [i for i in filled if header[i] not in redundant]
    header, rows = [header[i] for i in used], [[row[i] for i in used] for row in rows]
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    columns = _columns(table, shown, COLUMNS - sum(widths) - GAP * len(widths))
    lines = []
    for place, row in enumerate((header, *rows)):
        line = "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        beside = "  ".join(column[place] for column in columns)
        lines.append(f"{line}  {beside}".rstrip())
        if place and not columns and table.keys:
            lines.append(f"{'':6}{shortened(parameters_text(shown[place - 1]), COLUMNS - 6)}")
    more = len(table.trials) - len(shown)
    test = _wrapped(f"test: {table.test_metric}; it does not rank trials") if table.test_metric else []
    return lines + ([f"… and {more} more in sweep.md"] if more else []) + test


def _header(table: SweepTable) -> list[str]:
    others = [shortened(objective.name.rpartition("/")[2], MOST_VALUE) for objective in table.objectives[1:]]
    return ["#", "mean", "95 % interval", "n", *others, "test", IMAGES, TIME, "state"]


def _cells(table: SweepTable, trial: Trial) -> list[str]:
    results = trial.test_results
    return [
        str(trial.number),
        figure_text(trial.mean()) if table.objectives else "—",
        shortest_interval(trial),
        str(len(trial.counted)) if trial.counted else "",
        *(figure_text(trial.mean(i)) for i in range(1, len(table.objectives))),
        figure_text(sum(results) / len(results)) if results else "",
        _short_count(trial.images),
        _short_time(trial.seconds),
        "" if trial.state == DONE else shortened(trial.state, MOST_VALUE),
    ]


def _columns(table: SweepTable, trials: Sequence[Trial], room: int) -> list[list[str]]:
    """Each parameter's name and values, cut as little as possible; empty if they do not fit."""
    for most in VALUE_WIDTHS:
        columns = [_column(table, key, trials, most) for key in table.keys]
        if sum(len(column[0]) + GAP for column in columns) <= room + GAP:
            return columns
    return []


def _column(table: SweepTable, key: str, trials: Sequence[Trial], most: int) -> list[str]:
    name = short_names(table.keys)[key]
    values = [value_text(trial.parameters.get(key, ABSENT)) for trial in trials]
    width = min(most, max(LEAST_VALUE, len(name), *map(len, values)))
    heading = cut_in_the_middle(name, width)
    return [text.ljust(width) for text in (heading, *(shortened(value, width) for value in values))]


def _front(table: SweepTable) -> list[str]:
    """With several objectives, the Pareto front."""
    if len(table.objectives) < 2 or not table.ranked:
        return []
    front = pareto_front(table)
    front_line = f"Pareto front, {len(front)} of {len(table.ranked)}: {numbers_text(front)}"
    return _wrapped(f"{front_line}. No other trial is at least as good in all and better in one.")


def _best_trial(table: SweepTable, best_trial: BestTrial | None) -> list[str]:
    if best_trial is None:
        return []
    several = f" (by {table.objectives[0].name})" if len(table.objectives) > 1 else ""
    return [
        *_wrapped(f"{best_trial.title}{several}: #{best_trial.trial.number} {parameters_text(best_trial.trial)}"),
        *_indented(best_trial_text(table, best_trial)),
        *_indented(rivals_text(best_trial)),
        *_indented(confirmation_text(best_trial)),
        f"reproduce its best run, {best_trial.run.run_id}:",
        *_command(best_trial.reproduce),
        *_confirmation(best_trial),
    ]


def _confirmation(best_trial: BestTrial) -> list[str]:
    """The commands that confirm the best trial."""
    if best_trial.is_confirmed:
        return []
    return [
        "confirm it with fresh seeds on the test split:",
        *_command(best_trial.confirm),
        "which is short for",
        *_command(best_trial.retrain),
        *_command(best_trial.evaluate),
    ]


def _importances(importances: Importances) -> list[str]:
    names = max((len(share.name) for share in importances.shares), default=0)
    bars = []
    for share in importances.shares:
        sure = f"({100 * share.low:.0f} to {100 * share.high:.0f})"
        bar = "█" * round(BAR * share.value)
        bars.append(f"  {share.name:<{names}}  {100 * share.value:3.0f} %  {sure:<11}  {bar}".rstrip())
    notes = [line for note in importances.notes for line in _indented(note)]
    title = [] if importances.refusal else ["parameter importance"]
    return [*title, *bars, *_wrapped(importance_text(importances)), *notes]


def _failures(table: SweepTable) -> list[str]:
    groups = failures_of(table)
    lines = [f"failures: {len(table.unfinished)} of {len(table.runs)} runs"] if groups else []
    for failure in groups[:MOST_FAILURES]:
        lines += wrap(f"{failure.title}:", COLUMNS, initial_indent="  ", subsequent_indent="    ")
        lines.append(f"    {shortened(failure.why, COLUMNS - 4)}")
    more = len(groups) - MOST_FAILURES
    return lines + ([f"  … and {more} more: diptych sweep status {table.name}"] if more > 0 else [])


def _command(words: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in command_lines(words, COLUMNS - 2)]


def _wrapped(text: str) -> list[str]:
    return wrap(text, COLUMNS, subsequent_indent="  ", break_on_hyphens=False)


def _indented(text: str) -> list[str]:
    return wrap(text, COLUMNS, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _short_count(number: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.0f}" if number else ""


def _short_time(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s" if seconds else ""
