"""What a run keeps of the examples it was trained on, so that an evaluation knows them again.

The file lies in the run's folder: a line of two digests an example. A run that goes on with other data adds them, and
one that starts from another run's weights has seen that run's examples as well; their names say nothing here. Endless
data keep nothing.
"""

from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.data.membership import Membership
from diptych.runs.folder.files import write_whole
from diptych.runs.folder.layout import RunFolder


def keep_training_examples(folder: RunFolder, data: Any, warm_start: Path | None = None) -> None:
    """Add the examples of the train split, and those behind the weights that the run starts from."""
    splits = getattr(data, "splits", None)
    found = [Membership.of(splits["train"]) if splits else None, training_examples(folder)]
    if warm_start is not None:
        behind = training_examples(RunFolder(warm_start.parent.parent))
        found.append(None if behind is None else behind.without_names())
    known = [membership.identities for membership in found if membership is not None]
    if known:
        write_whole(folder.training_examples, Membership(frozenset().union(*known)).to_text())


def training_examples(folder: RunFolder) -> Membership | None:
    """What the run has been trained on; None where it kept nothing, as of endless data."""
    try:
        return Membership.from_text(folder.training_examples.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        path = folder.training_examples
        raise UserError(f"{path} is damaged ({error}): delete it, and nobody knows what the run has seen") from error
