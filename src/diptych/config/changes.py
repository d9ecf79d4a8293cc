"""Changes to a resumed run: how long and how it runs, never what it learns from."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from diptych.config import resolvers
from diptych.config.derived import DERIVED, expressions_of, put_back, still_derived
from diptych.config.errors import UserError
from diptych.config.lightning_names import lightning_answer
from diptych.config.schema import Run

CHANGEABLE = (
    "budget_images",
    "validate_every_images",
    "schedule",
    "system.micro_batch_size",
    "trainer",
    "callbacks",
    "tracking",
)


def changed(config: Mapping[str, Any], changes: Iterable[str], also: Collection[str] = ()) -> dict[str, Any]:
    """The configuration with `key=value` changes, checked against the schema, and with all that follows them.

    `also` names keys of the data that do not change its examples.
    """
    resolvers.register()
    allowed, expressions = (*CHANGEABLE, *also), still_derived(config)
    result = OmegaConf.merge(OmegaConf.structured(Run), OmegaConf.create(_without_derived(config)))
    put_back(result, expressions)
    for change in changes:
        key, equals, _ = change.partition("=")
        if not equals:
            raise UserError(f"{change!r} is not a change: write key=value, such as budget_images=1_000_000")
        if not lightning_answer(key) and not any(key == known or key.startswith(f"{known}.") for known in allowed):
            raise UserError(
                f"{key} cannot change when a run is resumed ({', '.join(allowed)} can): "
                f"start a new one from its weights with `diptych train … init_from=RUN {change}`"
            )
        if answer := lightning_answer(key):
            raise UserError(answer)
        try:
            result.merge_with(OmegaConf.from_dotlist([change]))
        except OmegaConfBaseException as error:
            raise UserError(f"{change}: {error.msg}") from None
    return resolved(result)


def resolved(config: Any) -> dict[str, Any]:
    """Plain values, with the expressions of those that follow others."""
    values = OmegaConf.to_container(config, resolve=True)
    assert isinstance(values, dict)
    return {**{str(key): value for key, value in values.items()}, DERIVED: expressions_of(config)}


def _without_derived(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key != DERIVED}
