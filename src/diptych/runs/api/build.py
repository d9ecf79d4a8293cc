"""`diptych.build`: a configuration's data and system, for a Trainer of one's own."""

import copy
from collections.abc import Mapping
from typing import Any

from diptych.config import Config, UserError
from diptych.config.components import Trust
from diptych.config.ids import timed_id
from diptych.config.own_packages import find_own_packages
from diptych.config.schema import GENERATION, LOSS
from diptych.runs.api.companion import Companion
from diptych.runs.assembly import Built, assemble
from diptych.runs.build import build_data
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.folder.layout import RunFolder
from diptych.runs.parts import lent
from diptych.runs.requirements import find_borrowed
from diptych.runs.restore import as_part, restorable
from diptych.runs.training import checked


def build(config: Config, *, trust: Trust = None) -> Built:
    """The data module, set up, and the system: `data, system = diptych.build(config)`.

    They go into any `pl.Trainer` on one device: `trainer.fit(system, datamodule=data)`. An epoch is a pass over the
    training split, or `validate_every_images` of endless data. Checkpoints of such a Trainer, by whatever callback,
    carry what `diptych.load` needs. The Trainer's own arguments stand in for the configuration's `trainer`,
    `callbacks`, `tracking` and `budget_images`; a schedule still follows the budget. It seeds the global random
    generators, as a run does, so that equal configurations give equal weights.

    `trust` names the only packages whose classes may be built, for a configuration that is not your own (None: all).
    """
    find_own_packages()
    config = copy.deepcopy(checked(config, trust))  # what the caller changes later is not what was built
    if config["trainer"]["overfit_batch"]:
        raise UserError("trainer.overfit_batch=true is for `diptych train`: here it is pl.Trainer(overfit_batches=1)")
    weights, lenders = find_borrowed(config)
    built = assemble(
        config, lambda: build_data(config, trust), lambda: _parts(lenders, config, trust), trust, weights=weights
    )
    kept = _kept(config["parts"], lenders)
    built.system.carried = {"run_id": timed_id(), **restorable(config, built.data.spec, kept)}
    built.system.companions = [Companion(built.data, _cut_into_epochs(built.data, config["validate_every_images"]))]
    return built


def _parts(lenders: Mapping[str, RunFolder], config: Config, trust: Trust) -> dict[str, Any]:
    """The borrowed systems by name."""
    return {name: lent(name, run.checkpoint(), config, trust) for name, run in lenders.items()}


def _kept(parts: Mapping[str, Any], lenders: Mapping[str, RunFolder]) -> dict[str, Any]:
    """What every checkpoint keeps: the parts that generation needs."""
    needed = [name for name, part in parts.items() if part.get("scope", LOSS) == GENERATION]
    return {name: as_part(read_checkpoint(lenders[name].checkpoint())) for name in needed}


def _cut_into_epochs(data: Any, images_of_endless: int) -> int:
    """Let the training stream end after a pass; endless data, and those of somebody's own, after so many images."""
    splits = getattr(data, "splits", None)
    images = (splits["train"].size if splits else None) or images_of_endless
    if hasattr(data, "epoch_images"):
        data.epoch_images = images
    return images
