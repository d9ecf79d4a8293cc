"""From a finished, evaluated run to its record."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from diptych.config.redaction import without_paths
from diptych.evaluation.caption_diversity.curves import diversity_curve
from diptych.evaluation.results import Evaluation, Figure, read_all
from diptych.metrics.protocols import SUBJECT
from diptych.reports.results.figures import protocol_digest
from diptych.reports.tables.asked import Varied, asked_by
from diptych.reports.tables.declaration import Table
from diptych.reports.tables.method import Method
from diptych.reports.tables.records import Record
from diptych.runs.folder.layout import RunFolder
from diptych.tracking import read_metrics

CORE_SECONDS = "train/core_seconds"
MOST_POINTS = 12
"""Points of a curve that a record keeps; the first beyond a table's `reach` is always among them."""


def newest_evaluations(run: RunFolder, table: Table, words: Sequence[str]) -> dict[str, Evaluation]:
    """The newest result of each benchmark that the table's figures are of, among those that answer the words."""
    asked = asked_by(words, run.read_config())
    kinds = dict.fromkeys(figure.partition("/")[0] for figure in table.figures)
    found = [result for result in read_all(run.evaluations, pictures=False) if asked.is_answered_by(result)]
    results = {result.kind: result for result in found}
    return {kind: results[kind] for kind in kinds if kind in results}


def varied_figure(run: RunFolder, table: Table, one: Varied) -> dict[str, Any] | None:
    """The table's first figure as it was measured with this value; None where it was not."""
    kind, _, key = table.figures[0].partition("/")
    result = newest_evaluations(run, table, one.words).get(kind)
    figure = result.figure(key) if result else None
    if figure is None or figure.value is None:
        return None
    return {"at": one.value, "num": table.vary_num, **_plain(figure)}


def refused_figure(table: Table, one: Varied) -> dict[str, Any]:
    """In place of a figure that a run cannot have, because its networks refuse the value."""
    return {"at": one.value, "num": table.vary_num, "refused": True}


def record_of(
    run: RunFolder,
    table: Table,
    method: Method,
    seed: int,
    lent: Mapping[str, tuple[Method, RunFolder]],
    partners: Mapping[str, str],
    words: Sequence[str],
    curves: Mapping[str, Sequence[Mapping[str, Any]]] = MappingProxyType({}),
) -> Record:
    """Everything the page says of the run.

    `lent` has the method and the run of each row that it learned from, `partners` the digest of each row's method that
    the evaluation used. `words` are those of the evaluation, `curves` the first figure by sampling option.
    """
    results = newest_evaluations(run, table, words)
    aware = dict.fromkeys([*method.object_aware, *_aware_lenders(lent)])
    return Record(
        table=table.name,
        row=method.row.name,
        seed=seed,
        command=method.command(seed),
        configuration=method.digest,
        budget_images=method.budget_images,
        evaluate=list(table.evaluate),
        code=_code(run),
        cost=cost_of(run),
        parameters=run.read_parameters(),
        figures=dict(_figures(table, results)),
        protocols={kind: _protocol(result) for kind, result in results.items()},
        curve=_curve(run, table),
        lent={
            key: {"configuration": lender.digest, "core_seconds": cost_of(own)["core_seconds"]}
            for key, (lender, own) in lent.items()
        },
        partners=dict(partners),
        object_aware=list(aware),
        varied=dict(curves),
        diversity=[point for result in results.values() for point in _diversity(result)],
        alerts=list(dict.fromkeys(result.alert for result in results.values() if result.alert)),
    )


def cost_of(run: RunFolder) -> dict[str, Any]:
    """What the run has cost, over all its starts."""
    status, config = run.read_status(), run.read_config()
    starts = run.read_environment()
    hardware = starts[-1]["hardware"] if starts else {}
    trained = [row[CORE_SECONDS] for row in read_metrics(run.metrics) if CORE_SECONDS in row]
    return {
        "core_seconds": status.core_seconds,
        "train_core_seconds": trained[-1] if trained else None,
        "images": status.images_seen,
        "threads": config.get("trainer", {}).get("threads") or hardware.get("torch_threads"),
        "peak_memory_mib": status.peak_memory_mib,
        "starts": len(starts),
        "gpus": hardware.get("gpus", []),
    }


def _aware_lenders(lent: Mapping[str, tuple[Method, RunFolder]]) -> list[str]:
    return [f"{key}: {aware}" for key, (lender, _) in lent.items() for aware in lender.object_aware]


def _code(run: RunFolder) -> dict[str, Any]:
    starts = run.read_environment()
    if not starts:
        return {}
    start = starts[0]
    versions = {name: start["packages"].get(name) for name in ("diptych", "torch", "numpy")}
    return {**start["code"], "python": start["python"], **versions}


def _figures(table: Table, results: Mapping[str, Evaluation]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in table.figures:
        kind, _, key = name.partition("/")
        figure = results[kind].figure(key) if kind in results else None
        if figure is not None and figure.value is not None:
            yield name, _plain(figure)


def _diversity(result: Evaluation) -> Iterator[dict[str, Any]]:
    """Exactness and diversity at each temperature, of an evaluation of drawn captions."""
    for point in diversity_curve(result):
        of_both = {"exactness": point.exactness, "diversity": point.diversity}
        yield {"at": point.temperature, **{name: _plain(figure) for name, figure in of_both.items()}}


def _plain(figure: Figure) -> dict[str, Any]:
    """A figure without what is empty."""
    low, high = figure.interval or (None, None)
    own = figure.own_interval
    values = {
        "name": figure.name,
        "value": figure.value,
        "low": low,
        "high": high,
        "over": own.over if own else None,
        "n": figure.n or None,
        "chance": figure.chance,
        "reference": figure.reference,
        "percent": figure.percent,
    }
    return {key: value for key, value in values.items() if value is not None}


def _protocol(result: Evaluation) -> dict[str, Any]:
    """What figures were measured on, and ten digits for all of it."""
    protocol = result.protocol
    named = {name: protocol.get(name) for name in ("data", "overrides", "split", "num", "seed", "images_seen", "dirty")}
    method = {key: value for key, value in protocol.items() if key not in (*SUBJECT, "with")}
    facts = {**named, "commit": protocol.get("commit"), "protocol": protocol_digest(result.kind, without_paths(method))}
    return without_paths({key: value for key, value in facts.items() if value not in (None, [], ())})


def _curve(run: RunFolder, table: Table) -> dict[str, Any]:
    """The board's figure, or else the monitored one, at the run's validations."""
    rows = read_metrics(run.metrics)
    name = table.board or run.read_config().get("monitor")
    clock = [(0.0, 0.0), *((row["images"], row[CORE_SECONDS]) for row in rows if CORE_SECONDS in row)]
    points = [(int(row["images"]), _at(row["images"], clock), row[name]) for row in rows if name in row]
    return {"figure": name, "points": _thinned(points, table.reach)} if points else {}


def _at(images: float, clock: list[tuple[float, float]]) -> float:
    """The core-seconds at so many images, on a straight line between the two logged moments around them."""
    for (before, begin), (after, end) in pairwise(clock):
        if before <= images <= after:
            return begin + (end - begin) * (images - before) / max(after - before, 1)
    return clock[-1][1]


def _thinned(points: list[tuple[int, float, float]], reach: float) -> list[tuple[int, float, float]]:
    step = max(1, -(-len(points) // MOST_POINTS))
    first = next((i for i, point in enumerate(points) if point[2] >= reach), None)
    return [p for i, p in enumerate(points) if (len(points) - 1 - i) % step == 0 or i == first]
