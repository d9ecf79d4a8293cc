"""Interpolations for our config files."""

import secrets
from datetime import UTC, datetime

from omegaconf import OmegaConf

from diptych.config import rhythm


def register() -> None:
    """Register `${run_name:experiment,model,data}`, `${sweep_id:}` and `${within_budget:images,budget}`."""
    OmegaConf.register_new_resolver("run_name", run_name, replace=True)
    OmegaConf.register_new_resolver("sweep_id", timed_id, replace=True, use_cache=True)
    OmegaConf.register_new_resolver(rhythm.NAME, rhythm.within_budget, replace=True)


def run_name(experiment: str | None, model: str | None, data: str | None) -> str:
    """The experiment's name, else `model_data`, with underscores for slashes."""
    chosen = [experiment] if experiment else [model or "custom", data or "nothing"]
    return "_".join(chosen).replace("/", "_")


def timed_id() -> str:
    """UTC time and six random hex digits: ids sort by age, and two from one second differ."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
