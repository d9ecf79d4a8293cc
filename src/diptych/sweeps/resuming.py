"""The arguments that start or resume a job's run."""

from collections.abc import Mapping
from typing import Any

from diptych.config.errors import UserError
from diptych.runs.checkpoints import newest_whole
from diptych.runs.folder.layout import RunFolder
from diptych.runs.trust import foreign_packages
from diptych.sweeps.jobs import Job


def start_arguments(job: Job, run: RunFolder | None) -> list[str]:
    """Arguments for `diptych`: a run with a whole checkpoint resumes, any other starts afresh."""
    if run is not None and newest_whole(run) is not None:
        # the sweep started the run with these packages, so it trusts them
        trusted = [word for package in foreign_packages(_config(run)) for word in ("--trust", package)]
        return ["resume", str(run.path), *trusted]
    if run is not None:
        run.remove()
    return ["train", *job.arguments, *_threads(job)]


def _threads(job: Job) -> list[str]:
    """The slot's number of threads, which the run keeps when it resumes."""
    if job.threads is None or any(argument.startswith("trainer.threads=") for argument in job.arguments):
        return []
    return [f"trainer.threads={job.threads}"]


def _config(run: RunFolder) -> Mapping[str, Any]:
    """The run's configuration; empty if it is damaged, since the checkpoint has a copy."""
    try:
        return run.read_config()
    except (OSError, UserError):
        return {}
