"""Changes to a resumed run: how long and how it runs, never what it learns."""

from collections.abc import Iterable, Mapping
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from diptych.config.errors import UserError
from diptych.config.schema import Run

CHANGEABLE = ("budget_images", "validate_every_images", "trainer", "callbacks", "tracking")


def changed(config: Mapping[str, Any], changes: Iterable[str]) -> dict[str, Any]:
    """The configuration with `key=value` changes, checked against the schema."""
    result = OmegaConf.merge(OmegaConf.structured(Run), OmegaConf.create(dict(config)))
    for change in changes:
        key, equals, _ = change.partition("=")
        if not equals:
            raise UserError(f"{change!r} is not a change: write key=value, such as budget_images=1_000_000")
        if key.partition(".")[0] not in CHANGEABLE:
            allowed = ", ".join(CHANGEABLE)
            raise UserError(
                f"{key} cannot change when a run is resumed ({allowed} can): "
                f"start a new one from its weights with `diptych train … init_from=RUN {change}`"
            )
        try:
            result.merge_with(OmegaConf.from_dotlist([change]))
        except OmegaConfBaseException as error:
            raise UserError(f"{change}: {error.msg}") from None
    values = OmegaConf.to_container(result, resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}
