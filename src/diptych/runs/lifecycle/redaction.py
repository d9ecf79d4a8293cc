"""Redact what trackers receive of a run: configuration, digests, environment.

Trackers receive no folder, host or user name of this machine, and no failure message, since that may contain one.
"""

import getpass
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from diptych.config.redaction import without_names, without_paths
from diptych.runs.folder import environment
from diptych.runs.folder.digests import seedless_digest
from diptych.runs.folder.layout import RunFolder, digest_of
from diptych.runs.folder.status import host_name
from diptych.tracking import RunInfo

NOBODY = ("", "root", "localhost")
"""Names that identify nobody."""


def start_record(config: Mapping[str, Any], sweep: str) -> dict[str, Any]:
    """The record of one start of a run, for environment.json."""
    digests = {"config_digest": digest_of(config), "seedless_digest": seedless_digest(config)}
    return {**environment.describe(), "sweep": sweep, **digests}


def run_info(folder: RunFolder, resume_images: int | None = None) -> RunInfo:
    """What trackers know of the run, with the environment of its latest start."""
    starts = folder.read_environment()
    start = starts[-1] if starts else {}
    digests = {name: start[name] for name in ("config_digest", "seedless_digest") if name in start}
    facts = {**digests, "environment": {name: start[name] for name in environment.PUBLIC if name in start}}
    return RunInfo(folder.run_id, folder.experiment, folder.path, resume_images, environment.sweep_of(starts), facts)


def redacted(values: Any) -> Any:
    """Plain values, such as a configuration, without paths, user names and host names."""
    return without_names(without_paths(values), own_names())


def own_names() -> set[str]:
    """The names of this machine and its user."""
    names = {host_name(), host_name().partition(".")[0]}
    with suppress(KeyError, OSError):  # a container's user may have none
        names.add(getpass.getuser())
    return names.difference(NOBODY)
