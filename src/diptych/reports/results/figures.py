"""The figures of one run: those of its evaluations, and the best that it measured while it was trained."""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.config.redaction import without_paths
from diptych.evaluation.results import Evaluation, Figure, read
from diptych.metrics.protocols import SUBJECT
from diptych.reports.results.columns import TRAINING
from diptych.runs.folder.digests import without_seed
from diptych.runs.folder.layout import RunFolder

log = logging.getLogger(__name__)

NO_EXAMPLES = ("batch_size", "num_workers", "pin_memory")
"""Settings of data that do not change what is validated on."""
HOW_VALIDATED = ("max_val_batches", "overfit_batch")
"""Settings of the trainer that do."""


def figures_of(run: RunFolder, config: Mapping[str, Any], *, every: bool = False) -> list[dict[str, Any]]:
    """The columns of measurements and figures, a row each.

    Of evaluations with the same protocol the newest counts, or each of them with `every`. A file that is damaged is
    left out, with a warning.
    """
    return [*_of_training(run, config), *_of_evaluations(run, every=every)]


def protocol_digest(kind: str, protocol: Mapping[str, Any]) -> str:
    """Ten digits, equal for what may stand side by side; the measured subject does not count."""
    method = {key: value for key, value in protocol.items() if key not in SUBJECT}
    return hashlib.sha256(json.dumps([kind, method], sort_keys=True, default=str).encode()).hexdigest()[:10]


def _of_training(run: RunFolder, config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    best, monitor = run.read_status().best, config.get("monitor")
    if best is None or not monitor:
        return
    data = without_paths(without_seed({"seed": config.get("seed"), "data": config.get("data", {})}))["data"]
    examples = {key: value for key, value in data.items() if key not in NO_EXAMPLES}
    trainer = {key: config.get("trainer", {}).get(key) for key in HOW_VALIDATED}
    protocol = {
        "data": config.get("data_name"),
        "split": "val",
        "mode": config.get("mode"),
        "examples": examples,
        **{key: value for key, value in trainer.items() if value},
    }
    name = monitor.removeprefix("val/")
    yield {
        "benchmark": TRAINING,
        "data": protocol["data"],
        "split": protocol["split"],
        "protocol": protocol,
        "protocol_id": protocol_digest(TRAINING, protocol),
        "figure": name,
        "label": name.replace("_", " "),
        "value": best,
        "note": "the best of all validations, so it is optimistic",
    }


def _of_evaluations(run: RunFolder, *, every: bool) -> Iterator[dict[str, Any]]:
    found = {}
    for path, evaluation in _evaluations(run):
        key = path if every else protocol_digest(evaluation.kind, evaluation.protocol)
        found.pop(key, None)  # the newest stands last
        found[key] = (path, evaluation)
    for path, evaluation in found.values():
        for figure in evaluation.figures:
            yield {**_of_measurement(path, evaluation, figure), **_of_figure(figure)}


def _evaluations(run: RunFolder) -> Iterator[tuple[Path, Evaluation]]:
    """Oldest first."""
    for path in sorted(run.evaluations.glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name)):
        try:
            yield path, read(path, pictures=False)
        except UserError as error:
            log.warning("left out: %s", error)


def _of_measurement(path: Path, evaluation: Evaluation, figure: Figure) -> dict[str, Any]:
    protocol = {**evaluation.protocol, **figure.protocol}
    return {
        "benchmark": evaluation.kind,
        "data": " ".join(map(str, (protocol.get("data", ""), *protocol.get("overrides", ())))) or None,
        "split": protocol.get("split"),
        "partner": (protocol.get("with") or {}).get("run"),
        "weights_at": protocol.get("images_seen"),
        "evaluation_seed": protocol.get("seed"),
        "protocol": protocol,
        "protocol_id": protocol_digest(evaluation.kind, protocol),
        "measured_in": str(path),
        "alert": evaluation.alert or None,
    }


def _of_figure(figure: Figure) -> dict[str, Any]:
    low, high = figure.interval or (None, None)
    over = figure.own_interval
    return {
        "figure": figure.key,
        "label": figure.name,
        "value": figure.value,
        "percent": figure.percent,
        "low": low,
        "high": high,
        "interval_over": over.over if over else None,
        "interval_method": (over.method or None) if over else None,
        "n": figure.n or None,
        "contents": figure.contents or None,
        "chance": figure.chance,
        "reference": figure.reference,
        "note": figure.remark or None,
    }
