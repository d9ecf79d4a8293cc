"""Where the records of runs without a server lie, and the one command that sends them. Needs no wandb.

An offline record cannot be continued: the server takes a second record of a run in place of the first. So the record of
a resumed run begins with everything before, and what it replaces is put aside, where no command finds it.
"""

import shlex
from pathlib import Path

RECORDS = "offline-run-*"
PUT_ASIDE = "superseded"


def records_of(folder: Path, run_id: str) -> list[Path]:
    """The offline records of that id in a run's `folder`, oldest first."""
    return sorted((folder / "wandb").glob(f"{RECORDS}-{run_id}"))


def put_aside(records: list[Path]) -> None:
    """Move records that a newer one replaces to `superseded/` beside it; they are kept, and never sent."""
    for record in records:
        aside = record.parent / PUT_ASIDE / record.name
        aside.parent.mkdir(exist_ok=True)
        record.rename(aside)


def command_to_send(folder: Path, runs: str = "") -> str | None:
    """What sends every offline record of the run in `folder`, or of the `runs` below it; None where there is none.

    `runs` is a pattern such as `*`, for a folder of links to runs.
    """
    pattern = "/".join(filter(None, (runs, "wandb", RECORDS)))
    if not any(folder.glob(pattern)):
        return None
    path = folder.absolute()
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"wandb sync {shlex.quote(str(shown))}/{pattern}"
