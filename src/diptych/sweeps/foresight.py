"""What a sweep would do and cost, without doing it."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from diptych.runs.folder import RunFolder
from diptych.runs.status import DONE
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.slots import Slot
from diptych.sweeps.standing import duration, standing_of

LATEST = 8
MOST_SHOWN = 20


class Plan(NamedTuple):
    """One run to come: what is shown of it, what it will be called, and how many images it will see."""

    shown: str
    name: str
    budget_images: int


def foresee(plans: Sequence[Plan], folder: SweepFolder, slots: Sequence[Slot]) -> list[str]:
    """Lines: what the sweep has already, every run that is left, how many there are, and how long they took elsewhere.

    `plans` are those that are left.
    """
    jobs = folder.jobs()
    before = [f"sweep {folder.name} has already {standing_of(folder, jobs).counts_text}"] if len(jobs) else []
    if not plans:
        return [*before, "nothing is left to run"]
    shown = [plan.shown for plan in plans if plan.shown]
    lines = [f"  {text}" for text in shown[:MOST_SHOWN]]
    if len(shown) > MOST_SHOWN:
        lines.append(f"  … and {len(shown) - MOST_SHOWN} more")
    images = sum(plan.budget_images for plan in plans)
    runs = f"{len(plans)} run{'s' * (len(plans) > 1)}"
    lines.append(f"{runs}, {images:,} images, {_places(slots)}")
    return [*before, *lines, _cost(plans, folder.outputs, len(slots))]


def _places(slots: Sequence[Slot]) -> str:
    threads = f", each on {slots[0].threads} thread{'s' * (slots[0].threads > 1)}" if slots[0].threads else ""
    gpus = f" on GPUs {', '.join(dict.fromkeys(gpu for slot in slots for gpu in slot.gpus))}" if slots[0].gpus else ""
    return f"{len(slots)} at a time{threads}{gpus}"


def _cost(plans: Sequence[Plan], outputs: Path, num_slots: int) -> str:
    """At the pace of finished runs of the same name, one at a time as they may have been."""
    paces = {name: _pace(outputs / name.replace("/", "_")) for name in {plan.name for plan in plans}}
    unknown = sorted(name for name, pace in paces.items() if pace is None)
    if unknown:
        return f"no run of {', '.join(unknown)} has been finished here, so nobody knows how long they take"
    seconds = sum(plan.budget_images / (paces[plan.name] or 1.0) for plan in plans)
    return f"about {duration(seconds)} of running time, {duration(seconds / num_slots)} if slots do not slow each other"


def _pace(experiment: Path) -> float | None:
    """Images a second of the latest finished runs, pauses and validations included."""
    statuses = [RunFolder(path.parent).read_status() for path in sorted(experiment.glob("*/status.json"))]
    paces = [s.images_seen / s.seconds for s in statuses if s.status == DONE and s.images_seen and s.seconds > 0]
    return median(paces[-LATEST:]) if paces else None
