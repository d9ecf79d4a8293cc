"""How an evaluation was measured: which run, how far it was trained, on what, by which judge and with which code."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from diptych.evaluation.held_out import HeldOut
from diptych.runs.capabilities import TakesOptions
from diptych.runs.folder import environment
from diptych.runs.folder.layout import digest_of
from diptych.runs.handles import Handle
from diptych.world import JUDGE_VERSION
from diptych.world.judging.limits import limits_for


def protocol_of(handle: Handle, held_out: HeldOut, seed: int) -> dict[str, Any]:
    """Everything one needs to know to measure the same again; `seed` is that of the generator's noise."""
    return {
        **measured(handle),
        "experiment": handle.run.experiment,
        "ema": _averaged(handle),
        "data": held_out.name,
        "overrides": list(held_out.overrides),
        "split": held_out.split,
        "num": len(held_out),
        **_of_all(held_out),
        "seed": seed,
        **({"sampling": handle.sampling} if isinstance(handle, TakesOptions) else {}),
        **_judging(held_out),
        **of_the_code(),
    }


def _averaged(handle: Handle) -> bool:
    """Whether averaged weights generate."""
    system: Any = handle.system
    if not getattr(system, "has_averages", False):
        return False
    return not isinstance(handle, TakesOptions) or system.uses_averages(system.options(**handle.sampling))


def of_the_code() -> dict[str, Any]:
    """The commit, whether files were changed since, and the versions of the packages."""
    code = environment.code_version(Path(__file__).parent)
    versions = {name: environment.version_of(name) for name in environment.PACKAGES}
    return {"commit": code["commit"], "dirty": code["dirty"], "versions": versions}


def measured(handle: Handle) -> dict[str, Any]:
    """Which run it is, how far it was trained, and the digest of its configuration."""
    members = {} if len(handle.members) == 1 else {"members": [measured(member) for member in handle.members]}
    return {
        "run": handle.run.run_id,
        "config_digest": handle.run.digest if handle.run.config.is_file() else digest_of(handle.config),
        "checkpoint": handle.checkpoint_name,
        "images_seen": handle.images_seen,
        **members,
    }


def _of_all(held_out: HeldOut) -> dict[str, Any]:
    """How many examples there were, what was left out, and how many the run was trained on (null: nobody knows).

    What is zero or empty is not named.
    """
    facts = {
        "available": held_out.available,
        "left_out": list(held_out.left_out),
        "named_as_in_training": held_out.num_named_alike,
    }
    seen = {} if held_out.num_seen == 0 else {"seen_in_training": held_out.num_seen}
    return {name: value for name, value in facts.items() if value} | seen


def _judging(held_out: HeldOut) -> dict[str, Any]:
    """Which judge it was, where there was one: other limits are another judge."""
    if held_out.world is None:
        return {}
    return {"judge": {"version": JUDGE_VERSION, **asdict(limits_for(held_out.world.side))}}
