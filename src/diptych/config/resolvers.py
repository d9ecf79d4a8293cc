"""Interpolations for our config files."""

from omegaconf import OmegaConf

from diptych.config import rhythm
from diptych.config.ids import timed_id


def register() -> None:
    """Register `${run_name:experiment,model,data}`, `${sweep_id:}` and `${within_budget:images,budget}`."""
    OmegaConf.register_new_resolver("run_name", run_name, replace=True)
    OmegaConf.register_new_resolver("sweep_id", timed_id, replace=True, use_cache=True)
    OmegaConf.register_new_resolver(rhythm.NAME, rhythm.within_budget, replace=True)


def run_name(experiment: str | None, model: str | None, data: str | None) -> str:
    """The experiment's name, else `model_data`, with underscores for slashes."""
    chosen = [experiment] if experiment else [model or "custom", data or "nothing"]
    return "_".join(chosen).replace("/", "_")
