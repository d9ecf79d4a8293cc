"""The data set that a user names by NAME or FOLDER, opened or only to be checked."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diptych.data import DataModule
    from diptych.data.folders.verdict import Inspectable

ON_ERROR = "on_error"
FOLDER = "diptych.data.folders.captioned_folder.CaptionedFolder"


def opened(args: argparse.Namespace) -> "DataModule":
    """The data module, set up; it skips a folder's bad files, which `check` reports."""
    data = _data(args, is_lenient=True)
    data.setup()
    return data


def _data(args: argparse.Namespace, *, target: str = "", is_lenient: bool = False) -> Any:
    """The data module of a configuration or a folder, before set-up; or what its settings make of `target`.

    A lenient one leaves bad files out, where data can and nobody asks otherwise.
    """
    from diptych.config.components import build
    from diptych.config.datasets import composed_data

    config = composed_data(args.data, args.overrides)
    node = config["data"] | ({"_target_": target} if target else {})
    if is_lenient and ON_ERROR in node and not any(o.startswith(f"data.{ON_ERROR}=") for o in args.overrides):
        node[ON_ERROR] = "skip"
    return build(node, "data", {"seed": config["seed"]})


def to_check(args: argparse.Namespace) -> "Inspectable | DataModule":
    """A folder without its loaders, which take seconds to import and which a check does not need."""
    from diptych.config.datasets import names_folder

    return _data(args, target=FOLDER if names_folder(args.data) else "")
