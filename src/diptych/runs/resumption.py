"""The configuration of a resumed run: its checkpoint's, with the changes of every start since."""

from collections.abc import Collection, Iterable

from diptych.config import Config, UserError
from diptych.config.changes import CHANGEABLE, changed
from diptych.config.components import Trust
from diptych.config.derived import DERIVED
from diptych.runs.data_location import free_keys, with_absolute_paths
from diptych.runs.folder.layout import RunFolder


def resumed_config(folder: RunFolder, config: Config, changes: Iterable[str], trust: Trust) -> Config:
    """The checkpoint's `config`, with the changes of earlier resumes that saved nothing, and the new ones."""
    free = free_keys(config, trust)
    return with_absolute_paths(changed(_with_last_changes(folder, config, free), changes, free), trust)


def _with_last_changes(folder: RunFolder, config: Config, free: Collection[str]) -> Config:
    """The changeable keys as the latest start had them; as in the checkpoint if its configuration cannot be read."""
    try:
        last = folder.read_config()
    except (OSError, UserError):
        return dict(config)
    names = [key.partition(".")[2] for key in free]
    data = {name: last["data"][name] for name in names if name in last.get("data", {})}
    kept = {key: last[key] for key in (*CHANGEABLE, DERIVED) if key in last}
    return {**config, **kept, "data": {**config["data"], **data}}
