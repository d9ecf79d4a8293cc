"""What a run needs before it may begin, as far as that can be told without loading anything."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diptych.config.composition import missing
from diptych.config.errors import UserError
from diptych.runs.folder.find import find_run
from diptych.runs.folder.identity import check_name
from diptych.runs.folder.layout import RunFolder
from diptych.runs.parts import LOSS, SCOPES


def check_requirements(config: Mapping[str, Any]) -> None:
    """Refuse what no run of this resolved configuration could begin with (`UserError`)."""
    check_values(config)
    check_parts(config["parts"])
    outputs = Path(config["paths"]["outputs"])
    find_lenders(config["parts"], outputs)
    find_warm_start(config, outputs)


def check_values(config: Mapping[str, Any]) -> None:
    """Numbers and names of the spine."""
    if config["mode"] not in ("min", "max"):
        raise UserError(f"mode={config['mode']!r}: say whether the monitored figure is best at its min or its max")
    for key in ("budget_images", "validate_every_images"):
        if config[key] <= 0:
            raise UserError(f"{key}={config[key]}: give a positive number of images")
    if config["seed"] < 0:
        raise UserError(f"seed={config['seed']}: give a whole number from 0")
    check_name(config["name"])


def check_parts(parts: Mapping[str, Mapping[str, Any]]) -> None:
    """Every part names a run and the task that it is trained for, may say what needs it, and nothing else."""
    for name, part in parts.items():
        for key in part:
            if key not in ("run", "task", "scope"):
                raise UserError(f"parts.{name}.{key}: a part has a run, a task and a scope only")
        if part.get("scope", LOSS) not in SCOPES:
            raise UserError(f"parts.{name}.scope={part['scope']}: say {' or '.join(SCOPES)}")
        for key, example in (("run", "latest"), ("task", "captioning")):
            if not part.get(key):
                raise UserError(missing(f"parts.{name}.{key}", example))


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
    """The checkpoint whose weights the run begins with, if it is to begin with any."""
    return find_run(config["init_from"], outputs).checkpoint() if config["init_from"] else None
