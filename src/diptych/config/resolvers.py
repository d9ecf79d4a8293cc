"""Interpolations our config files may use."""

import secrets
from datetime import UTC, datetime

from omegaconf import OmegaConf


def register() -> None:
    """Make `${run_name:experiment,model,data}` and `${sweep_id:}` known to OmegaConf."""
    OmegaConf.register_new_resolver("run_name", run_name, replace=True)
    OmegaConf.register_new_resolver("sweep_id", timed_id, replace=True, use_cache=True)


def run_name(experiment: str | None, model: str | None, data: str | None) -> str:
    """The chosen experiment's name, else `model_data`, with folders written as underscores."""
    chosen = [experiment] if experiment else [model or "custom", data or "nothing"]
    return "_".join(chosen).replace("/", "_")


def timed_id() -> str:
    """UTC time and six random hex digits: sorts by age, and two made in one second differ."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
