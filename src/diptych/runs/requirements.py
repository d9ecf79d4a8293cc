"""Check what a run needs before it begins, without loading anything."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diptych.config.composition import missing
from diptych.config.errors import UserError
from diptych.config.schema import LOSS, SCOPES, TASKS_OF_PARTS
from diptych.runs.folder.find import find_run
from diptych.runs.folder.identity import check_name
from diptych.runs.folder.layout import RunFolder


def check_requirements(config: Mapping[str, Any]) -> None:
    """Raise `UserError` if a run of this resolved configuration could not begin."""
    check_values(config)
    check_parts(config["parts"])
    find_borrowed(config)


def check_values(config: Mapping[str, Any]) -> None:
    """Check the run's own numbers and names."""
    if config["mode"] not in ("min", "max"):
        raise UserError(f"mode={config['mode']!r}: choose min or max, where the monitored figure is best")
    for key in ("budget_images", "validate_every_images"):
        if config[key] <= 0:
            raise UserError(f"{key}={config[key]}: give a positive number of images")
    if config["seed"] < 0:
        raise UserError(f"seed={config['seed']}: give a whole number from 0")
    if config.get("init_parts") and not config["init_from"]:
        raise UserError(f"init_parts={config['init_parts']}: name the run that they come from with init_from=RUN")
    check_name(config["name"])


def check_parts(parts: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that every part has a run and a task, may have a scope, and no other key."""
    for name, part in parts.items():
        for key in part:
            if key not in ("run", "task", "scope"):
                raise UserError(f"parts.{name}.{key}: a part has only the keys run, task and scope")
        if part.get("scope", LOSS) not in SCOPES:
            raise UserError(f"parts.{name}.scope={part['scope']}: choose {' or '.join(SCOPES)}")
        for key, example in (("run", "latest"), ("task", TASKS_OF_PARTS.get(name, "captioning"))):
            if not part.get(key):
                raise UserError(missing(f"parts.{name}.{key}", example))


def find_borrowed(config: Mapping[str, Any]) -> tuple[Path | None, dict[str, RunFolder]]:
    """What the run takes from others: the checkpoint that it starts from, if any, and the lender of each part."""
    outputs = Path(config["paths"]["outputs"]).expanduser()
    return find_warm_start(config, outputs), find_lenders(config["parts"], outputs)


def find_lenders(parts: Mapping[str, Mapping[str, str]], outputs: Path) -> dict[str, RunFolder]:
    """The run that lends each part: it is trained for the part's task, and has a checkpoint."""
    lenders = {name: find_run(part["run"], outputs, part["task"]) for name, part in parts.items()}
    for name, run in lenders.items():
        if run.task != parts[name]["task"]:
            wanted, task = parts[name]["task"], run.task or "nothing"
            raise UserError(f"parts.{name}.run={parts[name]['run']} is trained for {task}, not {wanted}")
        run.checkpoint()
    return lenders


def find_warm_start(config: Mapping[str, Any], outputs: Path) -> Path | None:
    """The checkpoint that initialises the run's weights, if the configuration names one."""
    return find_run(config["init_from"], outputs).checkpoint() if config["init_from"] else None
