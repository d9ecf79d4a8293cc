"""Compose overrides to one resolved, plain configuration.

The package contains `conf/` as `diptych.conf`: a folder in a wheel, a link to the repository's `conf/` in an editable
install.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, InterpolationResolutionError, MissingMandatoryValue

from diptych.config import resolvers, schema
from diptych.config.derived import DERIVED, expressions_of
from diptych.config.errors import UserError
from diptych.config.lightning_names import lightning_answer
from diptych.config.overrides import readable

CONF_PACKAGE = "diptych.conf"
CONFIG_NAME = "train"
LENDERS = {
    "captioner": "experiment=demo/captioner",
    "autoencoder": "experiment=demo/vqvae",
    "classifier": "model=classifier data=scenes_demo",
    "embedding": "model=embedding data=scenes_demo",
}
"""What trains a run that lends a part of this name, on data=scenes_demo."""


def register() -> None:
    """Register the schema and the resolvers; call it before Hydra composes."""
    schema.register()
    resolvers.register()


def conf_folder() -> Path:
    """The folder of the shipped `conf/` on this machine."""
    return Path(str(files(CONF_PACKAGE)))


def options(group: str) -> list[str]:
    """The options of a config group, such as `generator`."""
    if _hydra_is_ours():
        return GlobalHydra.instance().config_loader().get_group_options(group)
    folder = conf_folder() / group
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml"))


def _hydra_is_ours() -> bool:
    """Whether Hydra now composes from our `conf/`, and not for an application of somebody else."""
    hydra = GlobalHydra.instance()
    return hydra.is_initialized() and any(
        place.path == f"pkg://{CONF_PACKAGE}" for place in hydra.config_loader().get_search_path().get_path()
    )


def compose(overrides: Sequence[str] = (), config_dir: Path | None = None) -> dict[str, Any]:
    """The resolved configuration of `diptych train OVERRIDES`, for Python and tests."""
    with composing(overrides, config_dir) as config:
        return config


@contextmanager
def composing(overrides: Sequence[str] = (), config_dir: Path | None = None) -> Iterator[dict[str, Any]]:
    """As `compose`; while entered, `options` has those of `config_dir` as well, as on the command line."""
    with _composed(overrides, config_dir) as config:
        yield plain(config)


def configured_names(overrides: Sequence[str] = (), config_dir: Path | None = None) -> dict[str, Any]:
    """The configuration, where only its names matter: nothing is resolved, and values may be missing."""
    with _composed(overrides, config_dir) as config:
        values = OmegaConf.to_container(config, resolve=False)
        assert isinstance(values, dict)
        return {str(key): value for key, value in values.items() if key != "hydra"}


def hydra_settings(overrides: Sequence[str] = (), config_dir: Path | None = None) -> dict[str, Any]:
    """The keys below `hydra.` with these overrides; only names matter, so nothing is resolved."""
    with _composed(overrides, config_dir) as config:
        values = OmegaConf.to_container(config.hydra, resolve=False)
        assert isinstance(values, dict)
        return {str(key): value for key, value in values.items()}


@contextmanager
def _composed(overrides: Sequence[str], config_dir: Path | None) -> Iterator[DictConfig]:
    register()
    with _running_hydra_set_aside(), initialize_config_module(CONF_PACKAGE, version_base="1.3"):
        if config_dir:
            _search_also(config_dir)
        config = hydra_compose(CONFIG_NAME, [*map(readable, overrides)], return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        yield config


def _search_also(folder: Path) -> None:
    """Compose from this folder as well, as `--config-dir` does."""
    loader: Any = GlobalHydra.instance().config_loader()
    places = loader.get_search_path()
    places.prepend("command-line", f"file://{folder.absolute()}", anchor="schema")
    hydra: Any = GlobalHydra.instance().hydra
    hydra.config_loader = type(loader)(places)


@contextmanager
def _running_hydra_set_aside() -> Iterator[None]:
    """Hydra's global state is that of no application meanwhile: a sweep composes inside one."""
    before = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
    version_base = VersionBase.instance().getbase()
    GlobalHydra.instance().clear()
    try:
        yield
    finally:  # Hydra has put a copy in the place of its instance meanwhile
        GlobalHydra.instance().hydra, HydraConfig.instance().cfg = before
        VersionBase.instance().version_base = version_base


def plain(config: DictConfig) -> dict[str, Any]:
    """A plain configuration: interpolations resolved, missing values refused, Hydra's own node left out.

    The expressions of values that follow others are kept (`diptych.config.derived`).
    """
    container = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    try:
        values = OmegaConf.to_container(container, resolve=True, throw_on_missing=True, enum_to_str=True)
    except MissingMandatoryValue as error:
        raise UserError(missing(str(error.full_key))) from None
    except (InterpolationKeyError, InterpolationResolutionError) as error:
        raise UserError(f"{error.full_key}: {error.msg}") from None
    assert isinstance(values, dict)
    _refuse_unknown(values, schema.Run)
    return {**{str(key): value for key, value in values.items()}, DERIVED: expressions_of(container)}


def missing(key: str, example: str = "…") -> str:
    """The message for a key without a value; for a part it names the command that trains one."""
    message = f"{key} has no value: add it, for example {key}={example}"
    if not re.fullmatch(r"parts\.\w+\.run", key):
        return message
    part = key.split(".")[1]
    given = f"{message} with a run folder, a run id or latest"
    if part not in LENDERS:
        return given
    return (
        f"{given}. For data=scenes_demo,\n"
        f"`diptych train {LENDERS[part]}` trains a run that lends one and prints its folder at the end"
    )


def _refuse_unknown(values: Mapping[Any, Any], spine: Any, prefix: str = "") -> None:
    """Refuse keys outside the schema, which `+key=value` can add."""
    known = {field.name: field.type for field in fields(spine)}
    for key, value in values.items():
        if key not in known and (answer := lightning_answer(f"{prefix}{key}")):
            raise UserError(answer)
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {prefix}{close[0]}?" if close else ""
            raise UserError(f"{prefix}{key}={value!r}: nothing reads this key{hint}")
        if is_dataclass(known[key]):
            _refuse_unknown(value, known[key], f"{prefix}{key}.")
