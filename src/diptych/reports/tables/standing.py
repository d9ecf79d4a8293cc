"""How each row stands: measured, stale, trained, unfinished, failed or missing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from diptych.config.errors import UserError
from diptych.reports.tables.declaration import Row, Table, filled
from diptych.reports.tables.method import Method, method_digest, method_of
from diptych.reports.tables.records import Record, read_records
from diptych.runs.folder.environment import sweep_of
from diptych.runs.folder.find import all_runs
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DIVERGED, DONE, FAILED
from diptych.sweeps.folder import SWEEPS, SweepFolder
from diptych.sweeps.jobs import QUEUED

MEASURED, STALE, MISSING = "measured", "stale", "missing"
TRAINED, RUNNING, UNFINISHED, BROKEN = "trained", "running", "unfinished", "failed"
"""Of a run without a record. A `running` one is in the hands of a process outside of the table's sweep."""
LENDER_SEED = 0
"""Rows lend the run of their first seed, which all declarations have in common."""


@dataclass(frozen=True)
class Standing:
    """One run of a row: its state, why it is stale or has failed, its run and its record, as far as there are any."""

    table: Table
    row: Row
    seed: int
    state: str
    why: str = ""
    run: RunFolder | None = None
    record: Record | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether there is something left to train or to measure."""
        return self.state in (STALE, TRAINED, UNFINISHED, MISSING)

    @property
    def remark(self) -> str:
        """Why it is not measured, or that it took more than it may."""
        seconds = self.record.cost.get("core_seconds") if self.record else None
        is_dear = seconds is not None and seconds > 60 * self.table.core_minutes
        took = f"took {seconds / 60:.1f} of {self.table.core_minutes:g} core-minutes" if seconds and is_dear else ""
        return "; ".join(filter(None, (self.why, took)))


@dataclass
class Inventory:
    """Declarations, records and run folders, put together; `located` are the words that say where data lie."""

    tables: Sequence[Table]
    folder: Path
    outputs: Path
    located: Sequence[str] = ()
    _methods: dict[str, Method] = field(default_factory=dict)

    def method(self, key: str) -> Method:
        """The row's method, composed once."""
        if key not in self._methods:
            table, row = self._rows[key]
            self._methods[key] = method_of(table, row)
        return self._methods[key]

    def located_for(self, key: str) -> list[str]:
        """Those of the words that the row's data take."""
        return [word for word in self.located if word.partition("=")[0] in self.method(key).places]

    def refresh(self) -> None:
        """Look at the folders anew."""
        for name in ("records", "_runs", "_queued"):
            self.__dict__.pop(name, None)

    @cached_property
    def records(self) -> dict[tuple[str, int], Record]:
        return {(record.key, record.seed): record for record in read_records(self.folder)}

    def run_of(self, key: str, seed: int) -> RunFolder | None:
        """The run of this row and seed that is the furthest: done before unfinished before failed, oldest first."""
        table, _ = self._rows[key]
        method = self.method(key)
        found = [run for digest, run in self._runs.get((table.where, seed), ()) if digest == method.digest]
        return min(found, key=_rank, default=None)

    def lender(self, key: str) -> RunFolder | None:
        """The finished run that a row lends."""
        run = self.run_of(key, self.lender_seed(key))
        return run if run is not None and run.read_status().status == DONE else None

    def lender_seed(self, key: str) -> int:
        """The seed of the run that it lends."""
        return self._rows[key][1].seeds[0]

    def with_lenders(self, rows: Iterable[tuple[Table, Row]]) -> list[tuple[Table, Row]]:
        """The rows behind all that they borrow, to train and to evaluate; `UserError` where they go in a circle."""
        ordered: dict[str, tuple[Table, Row]] = {}
        for _, row in rows:
            self._add(row.key, ordered, ())
        return list(ordered.values())

    def standings(self, rows: Iterable[tuple[Table, Row]]) -> list[Standing]:
        """One for each seed of each row."""
        return [self.standing(table, row, seed) for table, row in rows for seed in row.seeds]

    def standing(self, table: Table, row: Row, seed: int) -> Standing:
        """Of one run."""
        record, run = self.records.get((row.key, seed)), self.run_of(row.key, seed)
        why = self._why_stale(table, row, record) if record is not None else ""
        state, reason = _state(record, why, run, sweep_name(table), self._queued)
        return Standing(table, row, seed, state, reason, run, record)

    def runs_for(self, keys: Iterable[str]) -> dict[str, str]:
        """The folder of each lender's run."""
        found = {key: self.lender(key) for key in keys}
        return {key: str(run.path) for key, run in found.items() if run is not None}

    def evaluation_words(self, table: Table) -> list[str]:
        """The words of the table's evaluation, with the run of each row."""
        return filled(table.evaluate, self.runs_for(table.borrowed_to_evaluate()))

    @cached_property
    def _rows(self) -> dict[str, tuple[Table, Row]]:
        return {row.key: (table, row) for table in self.tables for row in table.rows}

    @cached_property
    def _runs(self) -> dict[tuple[tuple[str, ...], int], list[tuple[str, RunFolder]]]:
        """Every run below the outputs by its seed, with the digest of its method, for each way to leave places out."""
        ways = {table.where for table in self.tables}
        found: dict[tuple[tuple[str, ...], int], list[tuple[str, RunFolder]]] = {}
        for run in all_runs(self.outputs):
            try:
                config = run.read_config()
            except UserError:
                continue
            for where in ways:
                known = found.setdefault((where, config.get("seed", 0)), [])
                known.append((method_digest(config, where), run))
        return found

    @cached_property
    def _queued(self) -> set[str]:
        """Runs that sweeps of tables will start or resume when they are called for, as after `diptych sweep retry`."""
        folders = [SweepFolder(self.outputs / SWEEPS / sweep_name(table), self.outputs) for table in self.tables]
        return {job.run_id for folder in folders for job in folder.jobs() if job.state == QUEUED}

    def _why_stale(self, table: Table, row: Row, record: Record) -> str:
        """Why the record is not of what is declared now; "" where it is."""
        method = self.method(row.key)
        if record.configuration != method.digest:
            return "its configuration has changed"
        if tuple(record.evaluate) != table.evaluate:
            return "its evaluation has changed"
        kinds = dict.fromkeys(figure.partition("/")[0] for figure in table.figures)
        if missing := [kind for kind in kinds if kind not in record.protocols]:
            return f"it has no result of {missing[0]}"
        if record.seed == row.seeds[0] and (lacking := _not_varied(table, record)):
            return f"it is not measured with {lacking} yet"
        earlier = {**{key: facts["configuration"] for key, facts in record.lent.items()}, **record.partners}
        borrowed = [*method.lenders, *table.borrowed_to_evaluate()]
        changed = [key for key in borrowed if earlier.get(key) != self.method(key).digest]
        return f"the configuration of {changed[0]}, which it borrows, has changed" if changed else ""

    def _add(self, key: str, ordered: dict[str, tuple[Table, Row]], above: tuple[str, ...]) -> None:
        if key in above:
            raise UserError(f"{key} borrows from itself: {' borrows '.join((*above, key))}")
        table, row = self._rows[key]
        for lender in (*self.method(key).lenders, *table.borrowed_to_evaluate()):
            self._add(lender, ordered, (*above, key))
        ordered.setdefault(key, (table, row))


def _not_varied(table: Table, record: Record) -> str:
    """An option and a value that the table varies and the record lacks; "" where there is none."""
    for option, values in (table.vary or {}).items():
        known = [figure["at"] for figure in record.varied.get(option, ()) if figure["num"] == table.vary_num]
        if missing := [value for value in values if value not in known]:
            return f"{option}={missing[0]}"
    return ""


def _rank(run: RunFolder) -> tuple[int, str]:
    status = run.read_status()
    return (0 if status.status == DONE else 2 if status.status in (FAILED, DIVERGED) else 1), status.started


def sweep_name(table: Table) -> str:
    """The sweep that trains the table's rows."""
    return f"results-{table.name}"


def _state(
    record: Record | None, why_stale: str, run: RunFolder | None, sweep: str, queued: Collection[str]
) -> tuple[str, str]:
    if record is not None and not why_stale:
        return MEASURED, ""
    status = run.read_status() if run is not None else None
    if run is not None and status is not None and status.is_alive and sweep_of(run.read_environment()) != sweep:
        return RUNNING, f"by process {status.pid}: wait for it, then collect"
    if record is not None:
        return STALE, why_stale
    if status is None:
        return MISSING, ""
    if status.status in (FAILED, DIVERGED) and run is not None and run.run_id not in queued:
        return BROKEN, status.why
    return (TRAINED if status.status == DONE else UNFINISHED), ""


def counts(standings: Iterable[Standing]) -> Mapping[str, int]:
    """How many there are of each state."""
    states = [one.state for one in standings]
    return {state: states.count(state) for state in dict.fromkeys(states)}
