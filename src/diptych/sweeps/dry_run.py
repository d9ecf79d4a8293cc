"""A dry run: what a sweep would run, and what it would cost."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DONE
from diptych.sweeps.executors import Executor, at_a_time
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.request import SweepRequest
from diptych.sweeps.slots import Slot
from diptych.sweeps.status import duration, status_of

if TYPE_CHECKING:
    from diptych.sweeps.search.request import Search

LATEST = 8
MOST_SHOWN = 20


class PlannedRun(NamedTuple):
    """A run to come, by its name and its budget."""

    name: str
    budget_images: int


def dry_run_lines(
    request: SweepRequest, folder: SweepFolder, executor: Executor, compose: Callable[[Sequence[str]], Any]
) -> list[str]:
    """The lines of a dry run: what is done, every run that is left, their number and their estimated time.

    `compose` turns the arguments of a run into its configuration. `UserError` if the sweep began with other settings.
    """
    if request.search is not None:
        from diptych.sweeps.search.compatibility import refuse_another_search

        refuse_another_search(folder, request.search)
    jobs, left = folder.jobs(), request.left(folder)
    before = [f"sweep {folder.name} already has {status_of(folder, jobs).counts_text}"] if len(jobs) else []
    if not left:
        return [*before, "nothing is left to run"]
    known = {each: _run(compose(each)) for each in dict.fromkeys(map(tuple, left))}
    runs = [known[tuple(arguments)] for arguments in left]
    lines = _space(request.search) if request.search is not None else _differing(left)
    slots = executor.slots()
    num_slots = at_a_time(executor, slots)
    images, number = sum(run.budget_images for run in runs), f"{len(runs)} run{'s' * (len(runs) > 1)}"
    outline = f"{number}, {images:,} images, {num_slots} at a time{_share(slots)}"
    return [*before, *lines, outline, _cost(runs, folder.outputs, num_slots)]


def _run(config: Any) -> PlannedRun:
    """Read the name now: Hydra resolves it from what it composed last."""
    return PlannedRun(config.name, config.budget_images)


def _space(search: "Search") -> list[str]:
    from diptych.sweeps.search.request import described

    return [f"  {parameter.key}: {described(parameter)}" for parameter in search.space]


def _differing(left: Sequence[Sequence[str]]) -> list[str]:
    """The overrides of each run that some runs lack."""
    shared = set.intersection(*map(set, left))
    shown = [" ".join(argument for argument in arguments if argument not in shared) for arguments in left]
    more = [f"  … and {len(shown) - MOST_SHOWN} more"] if len(shown) > MOST_SHOWN else []
    return [f"  {text}" for text in shown[:MOST_SHOWN] if text] + more


def _share(slots: Sequence[Slot]) -> str:
    """The threads and GPUs of each run."""
    threads = f", each on {slots[0].threads} thread{'s' * (slots[0].threads > 1)}" if slots[0].threads else ""
    gpus = f" on GPUs {', '.join(dict.fromkeys(gpu for slot in slots for gpu in slot.gpus))}" if slots[0].gpus else ""
    return f"{threads}{gpus}"


def _cost(runs: Sequence[PlannedRun], outputs: Path, num_slots: int) -> str:
    """An estimate from the pace of finished runs of the same name."""
    paces = {name: _pace(outputs / name.replace("/", "_")) for name in {run.name for run in runs}}
    unknown = sorted(name for name, pace in paces.items() if pace is None)
    if unknown:
        return f"no run of {', '.join(unknown)} has finished here yet, so the time is unknown"
    seconds = sum(run.budget_images / (paces[run.name] or 1.0) for run in runs)
    return (
        f"about {duration(seconds)} of training, {duration(seconds / num_slots)} if slots do not slow each other down; "
        "the start-up of each run adds some seconds"
    )


def _pace(experiment: Path) -> float | None:
    """Images per second of the latest finished runs, with their pauses and validations."""
    statuses = [RunFolder(path.parent).read_status() for path in sorted(experiment.glob("*/status.json"))]
    paces = [s.images_seen / s.seconds for s in statuses if s.status == DONE and s.images_seen and s.seconds > 0]
    return median(paces[-LATEST:]) if paces else None
