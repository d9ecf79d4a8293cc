"""`diptych train [OVERRIDES]`: a Hydra application. `--cfg job --resolve` shows what would run; `-m` sweeps."""

import argparse
import os
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig

from diptych.cli.output import Output, short
from diptych.config import UserError, composition
from diptych.config.override_errors import check_choices
from diptych.config.overrides import readable
from diptych.runs.folder.files import outputs_explained
from diptych.sweeps.folder import check_sweep_name, folder_override


def forward(arguments: list[str]) -> int:
    """Run the command line through Hydra, and raise the run's error for `diptych` to explain."""
    errors: list[Exception] = []

    def task(config: DictConfig) -> None:
        try:
            _train(config)
        except Exception as error:
            errors.append(error)  # Hydra would print its own preamble

    composition.register()
    arguments = [readable(argument) for argument in with_sweep(arguments)]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    overrides = [a for a in arguments if not a.startswith("-") and ("=" in a or a.startswith("~"))]
    flags = [a for a in arguments if a not in overrides]
    check_choices(overrides, _config_dir(flags))
    sys.argv = ["diptych train", *flags, *overrides]  # Hydra needs the overrides together; people write -m anywhere
    try:
        with outputs_explained():  # a sweep's folder
            hydra.main(version_base="1.3", config_path=f"pkg://{composition.CONF_PACKAGE}", config_name="train")(task)()
    except HydraException as error:
        raise _explained(error, flags, overrides) from error
    if errors:
        raise errors[0]
    return 0


def with_sweep(arguments: list[str]) -> list[str]:
    """Translate `--sweep NAME` and `--dry-run` into Hydra's overrides."""
    parser = argparse.ArgumentParser(prog="diptych train", add_help=False, allow_abbrev=False)
    parser.add_argument("--sweep", metavar="NAME")
    parser.add_argument("--dry-run", action="store_true")
    asked, rest = parser.parse_known_args(arguments)
    if (asked.sweep or asked.dry_run) and not {"-m", "--multirun"} & set(rest):
        rest.append("-m")
    if asked.sweep:
        check_sweep_name(asked.sweep)
        rest.append(folder_override(asked.sweep))
    return [*rest, "hydra.launcher.dry_run=true"] if asked.dry_run else rest


def _train(config: DictConfig) -> None:
    from diptych.runs.training import train

    overrides = list(HydraConfig.get().overrides.task)
    folder, progress = train(composition.plain(config), overrides)
    for line in (*progress.lines, short(folder.path)):
        Output().line(line)


def _explained(error: HydraException, flags: list[str], overrides: list[str]) -> UserError:
    from diptych.config.override_errors import explain

    return UserError(explain(error, overrides, _config_dir(flags)))


def _config_dir(flags: list[str]) -> Path | None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config-dir", "-cd", type=Path)
    return parser.parse_known_args(flags)[0].config_dir
