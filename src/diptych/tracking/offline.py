"""Offline W&B records of a run, and the one command that sends them. It does not need wandb.

An offline record cannot be continued: a second record of a run replaces the first on the server. So the record of a
resumed run repeats everything before it, and the replaced record is moved aside, where no command finds it.
"""

import shlex
from pathlib import Path

RECORDS = "offline-run-*"
PUT_ASIDE = "superseded"
HEADER_BYTES = 7


def records_of(folder: Path, run_id: str) -> list[Path]:
    """The offline records of `run_id` in a run's `folder`, oldest first."""
    return sorted((folder / "wandb").glob(f"{RECORDS}-{run_id}"))


def put_aside(records: list[Path]) -> None:
    """Move replaced records to `superseded/`; they are kept and never sent."""
    for record in records:
        aside = record.parent / PUT_ASIDE / record.name
        aside.parent.mkdir(exist_ok=True)
        record.rename(aside)


def put_aside_empty(folder: Path, runs: str) -> None:
    """Move empty records of killed runs aside, too: one of them makes `wandb sync` refuse all."""
    for record in folder.glob(_pattern(runs)):
        if all(file.stat().st_size <= HEADER_BYTES for file in record.glob("*.wandb")):
            put_aside([record])


def command_to_send(folder: Path, runs: str = "") -> str | None:
    """The command that sends all offline records of the run in `folder`, or of the `runs` below it; None without any.

    `runs` is a pattern such as `*`, for a folder of links to runs.
    """
    pattern = _pattern(runs)
    if not any(folder.glob(pattern)):
        return None
    path = folder.absolute()
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"wandb sync {shlex.quote(str(shown))}/{pattern}"


def _pattern(runs: str) -> str:
    return "/".join(filter(None, (runs, "wandb", RECORDS)))
