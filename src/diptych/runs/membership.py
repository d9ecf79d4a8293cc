"""What a run keeps of the examples it was trained on, so that an evaluation knows them again.

The file lies in the run's folder: a line of two digests an example. A run that goes on with other data adds them, and
one that starts from another run's weights has seen that run's examples as well; their names say nothing here. Where
that run has no record of finite data, the first line says that there may be more. Endless data keep nothing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diptych.config import components
from diptych.config.components import Trust
from diptych.config.errors import UserError
from diptych.data.membership import Membership
from diptych.runs.folder.files import write_whole
from diptych.runs.folder.layout import RunFolder


def keep_training_examples(folder: RunFolder, data: Any, warm_start: Path | None = None) -> None:
    """Add the examples of the train split, and those behind the weights that the run starts from."""
    splits = getattr(data, "splits", None)
    found = [Membership.of(splits["train"]) if splits else None, training_examples(folder)]
    if warm_start is not None:
        found.append(_behind(RunFolder(warm_start.parent.parent)))
    known = [membership for membership in found if membership is not None]
    if known:
        identities = frozenset().union(*(membership.identities for membership in known))
        is_complete = all(membership.is_complete for membership in known)
        write_whole(folder.training_examples, Membership(identities, is_complete).to_text())


def never_ends(node: Mapping[str, Any], trust: Trust = ()) -> bool:
    """Whether data of this configuration are endless; not where a package that is not trusted would say it."""
    try:
        return getattr(components.find_class(node, "data", trust), "endless", False)
    except UserError:
        return False


def _behind(run: RunFolder) -> Membership | None:
    """What was seen behind the weights of another run, whose names say nothing here."""
    known = training_examples(run)
    if known is not None:
        return known.without_names()
    return None if never_ends(run.read_config()["data"]) else Membership(frozenset(), is_complete=False)


def training_examples(folder: RunFolder) -> Membership | None:
    """What the run has been trained on; None where it kept nothing, as of endless data."""
    try:
        return Membership.from_text(folder.training_examples.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        path = folder.training_examples
        raise UserError(f"{path} is damaged ({error}): delete it, and nobody knows what the run has seen") from error
