"""`hydra/launcher=local`, the default of `-m`: every run a fresh subprocess, in slots of this machine.

Fresh processes because in-process multirun leaks random states, CUDA contexts and tracker runs from one run into the
next, and because one crash must not take the others with it. What a sweep is stands in `diptych.sweeps`; here it only
meets Hydra.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from diptych.sweeps.slots import Resources

log = logging.getLogger("diptych.sweeps")

# Overrides of Hydra's own that describe the sweep and not the run.
OF_THE_SWEEP = ("hydra.sweep", "hydra.sweeper", "hydra.launcher", "hydra/launcher", "hydra/sweeper", "hydra.mode")


@dataclass
class LocalLauncherConf:
    """Slots and when to give up; null lets the machine decide. `dry_run` only says what would be run."""

    _target_: str = "hydra_plugins.diptych.launcher.LocalLauncher"
    slots: int | None = None
    gpus_per_run: float | None = None
    threads_per_run: int | None = None
    fail_fast: bool = False
    hung_seconds: float = 1800.0
    least_free_gb: float = 1.0
    dry_run: bool = False


ConfigStore.instance().store(group="hydra/launcher", name="local", node=LocalLauncherConf, provider="diptych")


class LocalLauncher(Launcher):
    """Runs `diptych train` once for every set of overrides; a failed run does not stop the others."""

    def __init__(
        self,
        slots: int | None,
        gpus_per_run: float | None,
        threads_per_run: int | None,
        fail_fast: bool,
        hung_seconds: float,
        least_free_gb: float,
        dry_run: bool,
    ) -> None:
        self.resources = {"slots": slots, "gpus_per_run": gpus_per_run, "threads_per_run": threads_per_run}
        self.policy = {"fail_fast": fail_fast, "hung_seconds": hung_seconds, "least_free_gb": least_free_gb}
        self.dry_run = dry_run

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config, self.hydra_context = config, hydra_context

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        # Imported late: plugins are imported by every Hydra application of the environment.
        from diptych.sweeps.controller import Policy
        from diptych.sweeps.folder import SweepFolder
        from diptych.sweeps.launch import Request, launch
        from diptych.sweeps.local import LocalExecutor
        from diptych.sweeps.slots import Resources

        setup_globals()
        self._composed(job_overrides[0])  # a mistake that all of them share is found before anything is begun
        resources, common = Resources(**self.resources), self._common()
        if self.dry_run:
            self._say_what_would_run(job_overrides, resources)
        else:
            plans = [[*common, *overrides] for overrides in job_overrides]
            folder = SweepFolder(Path(self.config.hydra.sweep.dir), Path(self.config.paths.outputs))
            launch(Request(plans, Policy(**self.policy)), folder, LocalExecutor(resources))
        return [JobReturn(overrides=o, status=JobStatus.COMPLETED, _return_value=None) for o in job_overrides]

    def _say_what_would_run(self, job_overrides: Sequence[Sequence[str]], resources: "Resources") -> None:
        from diptych.sweeps.foresight import Plan, foresee
        from diptych.sweeps.slots import Machine, slots_of

        plans = []
        for overrides in job_overrides:
            config = self._composed(overrides)
            plans.append(Plan(overrides, config.name, config.budget_images))
        for line in foresee(plans, Path(self.config.paths.outputs), slots_of(resources, Machine.here())):
            log.info("%s", line)

    def _composed(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration of one run, as its own process will have it."""
        config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        HydraConfig.instance().set_config(config)
        return config

    def _common(self) -> list[str]:
        """The flags and Hydra overrides of the command line that every run inherits."""
        sources = self.config.hydra.runtime.config_sources
        folders = [f"--config-dir={source.path}" for source in sources if source.provider == "command-line"]
        overrides = OmegaConf.to_container(self.config.hydra.overrides.hydra)
        assert isinstance(overrides, list)
        return folders + [str(o) for o in overrides if not str(o).lstrip("+~").startswith(OF_THE_SWEEP)]
