"""From run folders to what reports tell."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from diptych.evaluation.option_curves import option_curves
from diptych.evaluation.results import Evaluation, foremost_last, read_all
from diptych.reports.page.charts import Points
from diptych.reports.page.html import write
from diptych.reports.run.report import RunStory, run_page
from diptych.runs.folder.layout import RunFolder
from diptych.tracking import read_metrics


def write_run_report(run: RunFolder, path: Path | None = None) -> Path:
    """Write the page to `path`, or as report.html into the run's folder."""
    return write(path or run.report, run_page(run_story(run)))


def run_story(run: RunFolder) -> RunStory:
    """All that a run's folder knows."""
    overrides = run.path / "overrides.yaml"
    kept = read_all(run.evaluations)
    return RunStory(
        run_id=run.run_id,
        experiment=run.experiment,
        status=run.read_status().label or "unknown",
        facts=_facts(run),
        config=run.config.read_text(encoding="utf-8"),
        overrides=overrides.read_text(encoding="utf-8") if overrides.exists() else "",
        metrics=metric_points(run),
        samples=_samples(run),
        evaluations=latest_of_each(kept),
        option_curves=option_curves(kept),
    )


def metric_points(run: RunFolder) -> dict[str, Points]:
    """Every logged quantity as (images seen, value) points."""
    rows = read_metrics(run.metrics)
    names = dict.fromkeys(name for row in rows for name in row if name != "images")
    return {name: [(row["images"], row[name]) for row in rows if name in row] for name in names}


def latest_of_each(evaluations: list[Evaluation]) -> list[Evaluation]:
    """One result of each kind, data set, split and partner: of the newest weights, of most examples, the newest."""
    newest = {_subject(evaluation): evaluation for evaluation in foremost_last(evaluations)}
    return list(newest.values())


def hardware_facts(environment: Mapping[str, Any]) -> dict[str, object]:
    """What a reader wants to know of the machine and the code."""
    hardware, code = environment["hardware"], environment["code"]
    return {
        "processor": f"{hardware['cpus']} cores, {hardware['torch_threads']} threads used",
        "accelerator": ", ".join(hardware["gpus"]) or "none",
        "memory": f"{hardware['memory_gib']} GiB",
        "python": environment["python"],
        "torch": environment["packages"]["torch"],
        "diptych": environment["packages"]["diptych"],
        "commit": commit_words(code),
    }


def latest_hardware(run: RunFolder) -> dict[str, object]:
    """Of the run's latest start; nothing where its environment cannot be read."""
    starts = run.read_environment()
    return hardware_facts(starts[-1]) if starts else {}


def commit_words(code: Mapping[str, Any]) -> str:
    """The commit, short, and whether files were changed since."""
    return f"{code['commit'][:10]}{' (changed since)' if code['dirty'] else ''}" if code["commit"] else "unknown"


def data_words(protocol: Mapping[str, Any]) -> str:
    """The data's name, and what was set in it."""
    return " ".join((protocol["data"], *protocol.get("overrides", ())))


def _subject(evaluation: Evaluation) -> tuple[Any, ...]:
    protocol = evaluation.protocol
    partner = protocol.get("with") or {}
    return evaluation.kind, data_words(protocol), protocol.get("split"), partner.get("run")


def _facts(run: RunFolder) -> dict[str, object]:
    status = run.read_status()
    config = run.read_config()
    facts: dict[str, object] = {
        "status": f"{status.label}{': ' + status.why if status.why else ''}",
        "images seen": f"{status.images_seen:,} of {config.get('budget_images', 0):,}",
    }
    if status.started:
        facts |= {"started": f"{status.started[:16].replace('T', ' ')} UTC", "took": _duration(status.seconds)}
    if status.best is not None:
        facts[f"best {config.get('monitor')}"] = f"{status.best:.4g}"
    return facts | latest_hardware(run)


def _samples(run: RunFolder) -> list[tuple[str, Image.Image]]:
    """Three sheets drawn on the way: the first, the middle and the last."""
    paths = sorted(path for path in run.samples.glob("*-*.png") if not path.name.startswith("example-"))
    chosen = sorted({*paths[:1], *paths[len(paths) // 2 :][:1], *paths[-1:]})
    return [(f"{int(path.stem.rpartition('-')[2]):,} images", _opened(path)) for path in chosen]


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
