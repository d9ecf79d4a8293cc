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
    result = {**config, **{key: last[key] for key in (*CHANGEABLE, DERIVED) if key in last}}
    for group, _, name in (key.partition(".") for key in (*CHANGEABLE, *free) if "." in key):
        if name in last.get(group, {}):
            result[group] = {**result[group], name: last[group][name]}
    return result
