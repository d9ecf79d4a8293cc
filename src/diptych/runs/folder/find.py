"""Find the run folder that a user names by folder, id, unique prefix or `latest`."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from diptych.config.errors import UserError
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DIVERGED, FAILED, STOPPED

LATEST = "latest"


def default_outputs() -> Path:
    """The folder of all runs: $DIPTYCH_OUTPUTS, else ./outputs (as in conf/paths/default.yaml)."""
    return Path(os.environ.get("DIPTYCH_OUTPUTS", "outputs"))


def all_runs(outputs: Path) -> list[RunFolder]:
    """Every run below `outputs`, oldest first; it follows no links (sweeps, the demo)."""
    return sorted(_runs(outputs), key=lambda run: (run.read_status().started, run.run_id))


def runs_trained_for(task: str, outputs: Path) -> list[RunFolder]:
    """Those of them that are trained for this task."""
    return [run for run in all_runs(outputs) if run.task == task]


def find_run(text: str, outputs: Path, task: str | None = None) -> RunFolder:
    """The one run that `text` names. With `task`, `latest` is the latest run that is trained for it.

    `latest` skips runs that ended before their first step: they hold nothing to use.
    """
    folder = Path(text)
    if (folder / "config.yaml").is_file():
        return RunFolder(folder.resolve())
    if folder.is_dir():
        raise UserError(f"{text} is not a run folder (it has no config.yaml): name one of {_inside(folder)}")
    runs = all_runs(outputs)
    if text == LATEST:
        return _latest(runs, outputs, task)
    exact = [run for run in runs if run.run_id == text]
    matches = exact or [run for run in runs if _starts(run.run_id, text)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UserError(f"run {text!r} is ambiguous; it may be\n{_listing(matches)}")
    raise UserError(f"there is no run {text!r} in {outputs}/; the latest are\n{_listing(runs)}")


def runs_named(texts: Sequence[str], outputs: Path) -> list[RunFolder]:
    """The runs that the texts name, each once; a sweep, or any folder of links to runs, means all of its runs."""
    runs = [run for text in texts for run in _runs_of_sweep(text, outputs) or [_run_or_sweep(text, outputs)]]
    return list({run.path: run for run in runs}.values())


def spread(texts: Sequence[str], outputs: Path) -> list[str]:
    """The texts, with each sweep's name replaced by the folders of its runs."""
    found = [(text, _runs_of_sweep(text, outputs)) for text in texts]
    return [name for text, runs in found for name in ([str(run.path) for run in runs] or [text])]


def sweep_members(text: str, outputs: Path) -> set[str]:
    """The ids of a sweep's runs; `text` is its folder, or its name in `outputs/sweeps`."""
    links = _links_of_sweep(text, outputs)
    if links is not None:
        return {link.name for link in links}
    names = ", ".join(_sweeps(outputs)) or "none yet"
    raise UserError(f"there is no sweep {text!r} in {outputs}/sweeps; there are: {names}")


def _runs(outputs: Path) -> Iterator[RunFolder]:
    for config in outputs.glob("*/*/config.yaml"):
        if not config.parent.is_symlink() and not config.parent.parent.is_symlink():
            yield RunFolder(config.parent.resolve())


def _runs_of_sweep(text: str, outputs: Path) -> list[RunFolder]:
    """The runs that a sweep's folder links to; none where `text` names no sweep."""
    paths = sorted(link.resolve() for link in _links_of_sweep(text, outputs) or ())
    return [RunFolder(path) for path in paths if (path / "config.yaml").is_file()]


def _run_or_sweep(text: str, outputs: Path) -> RunFolder:
    """The run that `text` names; the error lists the sweeps, too, since the user may have meant one."""
    try:
        return find_run(text, outputs)
    except UserError as error:
        sweeps = _sweeps(outputs)
        raise UserError(f"{error}\nthere are sweeps, too: {', '.join(sweeps)}") if sweeps else error from None


def _sweeps(outputs: Path) -> list[str]:
    """The sweeps that have runs."""
    links = (path for path in (outputs / "sweeps").glob("*/*") if path.is_symlink())
    return sorted({link.parent.name for link in links})


def _links_of_sweep(text: str, outputs: Path) -> list[Path] | None:
    """The links in a folder of runs, given by its path or by its name in `outputs/sweeps`; None without one."""
    for folder in (Path(text), outputs / "sweeps" / text):
        if folder.is_dir() and not (folder / "config.yaml").is_file():
            return [link for link in folder.iterdir() if link.is_symlink()]
    return None


def _starts(run_id: str, text: str) -> bool:
    return run_id.startswith(text) or run_id.rpartition("-")[2].startswith(text)


def _latest(runs: list[RunFolder], outputs: Path, task: str | None) -> RunFolder:
    fitting = [run for run in runs if _has_begun(run) and (task is None or run.task == task)]
    if not fitting:
        kind = f" for {task}" if task else ""
        raise UserError(f"there is no run{kind} in {outputs}/ yet: train one with `diptych train`")
    return fitting[-1]


def _has_begun(run: RunFolder) -> bool:
    status = run.read_status()
    return status.images_seen > 0 or status.status not in (FAILED, STOPPED, DIVERGED)


def _inside(folder: Path) -> str:
    names = [str(run.parent) for run in sorted(folder.glob("*/config.yaml"))] or ["the run folders"]
    return ", ".join(names[-5:])


def _listing(runs: list[RunFolder]) -> str:
    """The latest few runs, for a message."""
    if not runs:
        return "  (none yet: train one with `diptych train`)"
    return "\n".join(f"  {run.run_id}  {run.experiment}" for run in reversed(runs[-8:]))
