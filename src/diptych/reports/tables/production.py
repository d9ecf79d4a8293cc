"""Train, evaluate and collect what a table lacks; it may be stopped at any moment, and goes on when it is called again.

Runs are jobs of one sweep a table, `results-<table>`, in slots of one thread each. What a row borrows is trained first.
A row whose configuration has changed is a new job; the sweep's earlier runs stay.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.reports.tables.asked import Varied, varied
from diptych.reports.tables.collect import newest_evaluations, record_of, refused_figure, varied_figure
from diptych.reports.tables.declaration import Row, Table, for_people
from diptych.reports.tables.records import write_record
from diptych.reports.tables.standing import Inventory, Standing, sweep_name
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DONE
from diptych.runs.lifecycle.processes import carry_out
from diptych.sweeps.folder import SWEEPS, SweepFolder
from diptych.sweeps.jobs import Jobs
from diptych.sweeps.launch import SweepFailed, launch
from diptych.sweeps.local import LocalExecutor
from diptych.sweeps.planning import Planner
from diptych.sweeps.request import SweepRequest
from diptych.sweeps.slots import Resources

WRONG_USAGE = 2
"""The exit code of a command that is refused."""
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
log = logging.getLogger(__name__)


class _Measuring(Planner):
    """Measures a row as soon as its run has ended, on the core that it leaves; other slots' runs go on meanwhile."""

    def __init__(self, production: "Production", rows: Sequence[tuple[Table, Row]]) -> None:
        self.production, self.rows = production, rows
        self._ended: set[int] = set()

    def look(self, jobs: Jobs) -> None:
        ended = {job.number for job in jobs if job.state == DONE}
        if self._ended < ended:
            self._ended = ended
            self.production.inventory.refresh()
            self.production.measure(self.rows)


@dataclass
class Production:
    """Carries rows out; `failures` says what could not be had, and `written` which records were written."""

    inventory: Inventory
    slots: int | None = None
    command: Sequence[str] = ("diptych", "results", "--train")
    failures: list[str] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)

    def produce(self, rows: Sequence[tuple[Table, Row]]) -> None:
        """Whatever is missing or stale, lenders first; what is trained already is measured before anything else."""
        self.measure(rows)
        wanted = {one.row.key for one in self.inventory.standings(rows) if one.is_wanted}
        left = [(table, row) for table, row in rows if row.key in wanted]
        lenders = {key for pair in left for key in self._borrowed(*pair)}
        for wave in self._waves(self.inventory.with_lenders(left)):
            for name in dict.fromkeys(table.name for table, _ in wave):
                own = [(table, row) for table, row in wave if table.name == name]
                seeds = {row.key: self._untrained(table, row, wanted, lenders) for table, row in own}
                measured = [(table, row) for table, row in own if row.key in wanted]
                self._train(own[0][0], [(row, seed) for _, row in own for seed in seeds[row.key]], measured)
            self.measure([(table, row) for table, row in wave if row.key in wanted])

    def measure(self, rows: Sequence[tuple[Table, Row]], *, evaluate: bool = True) -> None:
        """Evaluate and collect the finished runs among them, or collect those that are evaluated already."""
        for one in self.inventory.standings(rows):
            run = self.inventory.run_of(one.row.key, one.seed) if one.is_wanted else None
            if run is not None and run.read_status().status == DONE:
                try:
                    self._measure(one, run, evaluate)
                except (UserError, OSError) as error:  # other rows are trained and measured all the same
                    self._note(f"{one.row.key}, seed {one.seed}, is not measured: {error}")
        self.inventory.refresh()

    def _untrained(self, table: Table, row: Row, wanted: set[str], lenders: set[str]) -> list[int]:
        """The seeds of the row to train: what is wanted of it itself, and the run that it lends."""
        standings = self.inventory.standings([(table, row)]) if row.key in wanted else []
        seeds = [one.seed for one in standings if one.is_wanted and not self._is_trained(row, one.seed)]
        if row.key in lenders and self.inventory.lender(row.key) is None:
            seeds.append(self.inventory.lender_seed(row.key))
        return list(dict.fromkeys(seeds))

    def _waves(self, rows: Sequence[tuple[Table, Row]]) -> list[list[tuple[Table, Row]]]:
        """The rows in groups of any tables, each without a lender in its own or a later group."""
        left, waves = list(rows), []
        while left:
            names = {row.key for _, row in left}
            ready = [pair for pair in left if not names & set(self._borrowed(*pair))]
            assert ready, "declarations that go in a circle are refused before"
            waves.append(ready)
            left = [pair for pair in left if pair not in ready]
        return waves

    def _borrowed(self, table: Table, row: Row) -> list[str]:
        return [*self.inventory.method(row.key).lenders, *table.borrowed_to_evaluate()]

    def _is_trained(self, row: Row, seed: int) -> bool:
        run = self.inventory.run_of(row.key, seed)
        return run is not None and run.read_status().status == DONE

    def _train(self, table: Table, rows: Sequence[tuple[Row, int]], measured: Sequence[tuple[Table, Row]] = ()) -> None:
        """Carry out the runs as jobs of the table's sweep; a failed one is noted, and the others go on."""
        plans = {(row.key, seed): plan for row, seed in rows if (plan := self._plan(table, row, seed))}
        outputs = self.inventory.outputs
        folder = SweepFolder(outputs / SWEEPS / sweep_name(table), outputs)
        executor = LocalExecutor(Resources(self.slots, 0.0, 1))
        try:
            if plans:
                watcher = _Measuring(self, measured)
                asked, command = list(plans.values()), tuple(self.command)
                launch(SweepRequest(asked, command=command, watcher=watcher, leaves_others=True), folder, executor)
        except SweepFailed as error:  # runs of other rows may have failed earlier; of these, the failures are named
            log.debug("%s", error)
        self.inventory.refresh()
        reasons = {job.arguments: job.why for job in folder.jobs()}
        again = f"`diptych sweep retry {folder.name}` queues it again for when it is named next"
        for row, seed in rows:
            if (row.key, seed) in plans and not self._is_trained(row, seed):
                why = reasons.get(tuple(plans[row.key, seed])) or "it was not finished"
                self._note(f"{row.key}, seed {seed}, is not trained: {why}; {again}")

    def _plan(self, table: Table, row: Row, seed: int) -> list[str]:
        """The arguments of the run; none where a row that it borrows from has no run."""
        method = self.inventory.method(row.key)
        runs = self.inventory.runs_for(method.lenders)
        if missing := [key for key in method.lenders if key not in runs]:
            self._note(f"{row.key}: it borrows from {missing[0]}, which has no finished run")
            return []
        return method.arguments(seed, runs, self.inventory.located_for(row.key))

    def _measure(self, one: Standing, run: RunFolder, evaluate: bool) -> None:
        """Evaluate the run unless it is, and write its record."""
        lenders = one.table.borrowed_to_evaluate()
        if missing := [key for key in lenders if self.inventory.lender(key) is None]:
            log.info("%s waits for %s, which its evaluation needs", one.row.key, missing[0])
            return
        words = self.inventory.evaluation_words(one.table)
        if one.table.figures and not self._is_evaluated(one, run, words):
            if not evaluate:
                return
            failure = f"{one.row.key}: `diptych evaluate {run.run_id} {for_people(one.table.evaluate)}` failed"
            if failure in self.failures:
                return
            log.info("evaluating %s, seed %d", one.row.key, one.seed)
            if self._evaluate(run, [*words, *self.inventory.located_for(one.row.key)]):
                self.failures.append(failure)
                return
        curves = self._curves(one, run, words, evaluate) if one.seed == one.row.seeds[0] else {}
        method = self.inventory.method(one.row.key)
        lent = {
            key: (self.inventory.method(key), found) for key in method.lenders if (found := self.inventory.lender(key))
        }
        partners = {key: self.inventory.method(key).digest for key in lenders}
        record = record_of(run, one.table, method, one.seed, lent, partners, words, curves)
        self.written.append(write_record(self.inventory.folder, record))

    def _curves(
        self, one: Standing, run: RunFolder, words: Sequence[str], evaluate: bool
    ) -> dict[str, list[dict[str, Any]]]:
        """The table's first figure with each value of its sampling options; those not measured yet are, if wanted."""
        curves: dict[str, list[dict[str, Any]]] = {}
        for value in varied(one.table, words):
            figure = self._varied(one, run, value, evaluate)
            if figure is not None:
                curves.setdefault(value.option, []).append(figure)
        return curves

    def _varied(self, one: Standing, run: RunFolder, value: Varied, evaluate: bool) -> dict[str, Any] | None:
        try:
            figure = varied_figure(run, one.table, value)
        except UserError:  # an option of other families
            return refused_figure(one.table, value)
        if figure is not None or not evaluate:
            return figure
        log.info("evaluating %s with %s=%s", one.row.key, value.option, value.value)
        code = self._evaluate(run, [*value.words, *self.inventory.located_for(one.row.key)])
        if code == WRONG_USAGE:
            return refused_figure(one.table, value)
        if code:
            self._note(f"{one.row.key} is not measured with {value.option}={value.value}")
        return varied_figure(run, one.table, value)

    def _note(self, failure: str) -> None:
        if failure not in self.failures:
            self.failures.append(failure)

    def _is_evaluated(self, one: Standing, run: RunFolder, words: Sequence[str]) -> bool:
        """Whether each benchmark of the table has a result; a stale record's evaluation is made anew."""
        kinds = {figure.partition("/")[0] for figure in one.table.figures}
        is_other = one.record is not None and tuple(one.record.evaluate) != one.table.evaluate
        return not is_other and kinds <= newest_evaluations(run, one.table, words).keys()

    def _evaluate(self, run: RunFolder, words: Sequence[str]) -> int:
        """In a process of its own; what it found lies in the run's folder."""
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            return carry_out(["evaluate", str(run.path), *words], ONE_THREAD, nowhere)
