"""Data that a user names by NAME or FOLDER, with `data.key=value` overrides."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from diptych.config.composition import options
from diptych.config.errors import UserError
from diptych.config.override_errors import composed

PREFIX = "data."


def check_overrides(overrides: Iterable[str]) -> None:
    """Refuse overrides that do not set a key of the data."""
    for override in overrides:
        if not override.startswith(PREFIX) or "=" not in override:
            raise UserError(f"{override!r} sets no key of the data: write data.key=value, for example data.root=FOLDER")


def names_folder(text: str) -> bool:
    """Whether the text is a folder of pictures, not an option of conf/data; anything else is refused."""
    names = options("data")
    if text not in names and not Path(text).is_dir():
        raise UserError(f"{text} is neither a folder nor one of {', '.join(names)}")
    return text not in names


def composed_data(text: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The configuration of an option of conf/data, or of a folder."""
    if not names_folder(text):
        return composed([f"data={text}", *overrides])
    config = composed(["data=folder", f"{PREFIX}root=.", *overrides])
    config["data"]["root"] = text
    return config


def overridden(data: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """The data node with the overrides applied."""
    config = OmegaConf.create({"data": dict(data)})
    for override in overrides:
        try:
            config.merge_with(OmegaConf.from_dotlist([override]))
        except OmegaConfBaseException as error:
            raise UserError(f"{override}: {error.msg}") from None
    values = OmegaConf.to_container(config.data, resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}
