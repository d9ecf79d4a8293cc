"""Hydra launchers of sweeps: `hydra/launcher=local`, the default of `-m`, `submitit_slurm` and `ray`.

Every run is a fresh process. In-process multirun would leak random states, CUDA contexts and tracker runs from one run
into the next, and one crash would end all runs. `diptych.sweeps` has the logic; this module connects it to Hydra.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from diptych.sweeps.executors import Executor
    from diptych.sweeps.folder import SweepFolder
    from diptych.sweeps.search.request import Search

log = logging.getLogger("diptych.sweeps")

# Hydra overrides that configure the sweep and not its runs.
SWEEP_ONLY = ("hydra.sweep", "hydra.sweeper", "hydra.launcher", "hydra/launcher", "hydra/sweeper", "hydra.mode")
MADE_BY_HYDRA = "multirun.yaml"


@dataclass
class SweepConf:
    """When the sweep gives up; `dry_run` only shows what would run."""

    fail_fast: bool = False
    hung_seconds: float = 1800.0
    least_free_gb: float = 1.0
    dry_run: bool = False


@dataclass
class LocalLauncherConf(SweepConf):
    """Slots of this machine; it chooses where a value is null."""

    _target_: str = "hydra_plugins.diptych.launcher.LocalLauncher"
    slots: int | None = None
    gpus_per_run: float | None = None
    threads_per_run: int | None = None
    memory_gb_per_run: float | None = None


@dataclass
class SlurmLauncherConf(SweepConf):
    """The resources of every SLURM job; the cluster chooses where a value is null."""

    _target_: str = "hydra_plugins.diptych.launcher.SlurmLauncher"
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    timeout_min: int = 60
    cpus_per_task: int = 1
    gpus_per_node: int | None = None
    mem_gb: float | None = None
    array_parallelism: int = 16
    slots: int | None = None
    signal_delay_s: int = 120
    setup: list[str] = field(default_factory=list)
    additional_parameters: dict[str, Any] = field(default_factory=dict)


@dataclass
class RayLauncherConf(SweepConf):
    """An existing Ray cluster; `address` null starts one on this machine for the sweep."""

    _target_: str = "hydra_plugins.diptych.launcher.RayLauncher"
    address: str | None = None
    slots: int | None = None
    cpus_per_run: float = 1.0
    gpus_per_run: float = 0.0


for _name, _node in (("local", LocalLauncherConf), ("submitit_slurm", SlurmLauncherConf), ("ray", RayLauncherConf)):
    ConfigStore.instance().store(group="hydra/launcher", name=_name, node=_node, provider="diptych")


class SweepLauncher(Launcher, ABC):
    """Carries out grids and searches through a controller; a failed run stops no other."""

    def __init__(
        self, fail_fast: bool, hung_seconds: float, least_free_gb: float, dry_run: bool, **settings: Any
    ) -> None:
        self.settings = settings
        self.policy = {"fail_fast": fail_fast, "hung_seconds": hung_seconds, "least_free_gb": least_free_gb}
        self.dry_run = dry_run

    @abstractmethod
    def executor(self, example: DictConfig, is_search: bool) -> "Executor":
        """The executor for runs such as the `example`; `UserError` if the launcher's settings are invalid."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config, self.hydra_context = config, hydra_context

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """A grid: one run for each set of overrides from Hydra's own sweeper."""
        from diptych.sweeps.jobs import new_plans
        from diptych.sweeps.values import check_grid

        plans = [[*self.common(), *overrides] for overrides in job_overrides]
        with self._no_trace_if_refused():
            new = new_plans(self.folder.jobs(), plans)
            if new:
                check_grid(new, self.composed, plans)
            self._carry_out(self.composed((new or plans)[0]), plans=plans)
        return [JobReturn(overrides=o, status=JobStatus.COMPLETED, _return_value=None) for o in job_overrides]

    def search(self, search: "Search", example: DictConfig) -> None:
        """A search; `example` is the configuration of one of its runs."""
        self._carry_out(example, search=search)

    def _carry_out(self, example: DictConfig, **plans: Any) -> None:
        """Check what all runs share (`UserError`), then run the sweep or show a dry run."""
        # Imported late: every Hydra application of the environment imports its plugins.
        from diptych.config.composition import plain
        from diptych.runs.requirements import check_requirements
        from diptych.sweeps.controller import Policy
        from diptych.sweeps.dry_run import dry_run_lines
        from diptych.sweeps.launch import launch
        from diptych.sweeps.request import SweepRequest

        request = SweepRequest(policy=Policy(**self.policy), **plans)
        if request.begins_runs(self.folder):
            check_requirements(plain(example))
        executor = self.executor(example, request.search is not None)
        if not self.dry_run:
            launch(request, self.folder, executor)
            return
        for line in dry_run_lines(request, self.folder, executor, self.composed):
            log.info("%s", line)

    @property
    def folder(self) -> "SweepFolder":
        """The sweep's folder."""
        from diptych.sweeps.folder import SweepFolder

        return SweepFolder(Path(self.config.hydra.sweep.dir), Path(self.config.paths.outputs))

    def composed(self, arguments: Sequence[str]) -> DictConfig:
        """The configuration of one run, as its own process will have it."""
        setup_globals()
        common = self.common()
        overrides = [argument for argument in arguments if argument not in common]
        file = self.config.hydra.runtime.choices.get("sweep")
        search = [f"sweep={file}"] if file else []  # the earlier Hydra overrides may refer to the file's choices
        config = self.hydra_context.config_loader.load_sweep_config(self.config, [*search, *overrides])
        HydraConfig.instance().set_config(config)
        return config

    def common(self) -> list[str]:
        """The flags and Hydra overrides that every run inherits."""
        sources = self.config.hydra.runtime.config_sources
        folders = [f"--config-dir={source.path}" for source in sources if source.provider == "command-line"]
        overrides = OmegaConf.to_container(self.config.hydra.overrides.hydra)
        assert isinstance(overrides, list)
        return folders + [str(o) for o in overrides if not str(o).lstrip("+~").startswith(SWEEP_ONLY)]

    @contextmanager
    def _no_trace_if_refused(self) -> Iterator[None]:
        """Remove the folder that Hydra's sweeper makes early, if the sweep does not start."""
        try:
            yield
        finally:
            if not self.folder.ledger.path.exists():
                (self.folder.path / MADE_BY_HYDRA).unlink(missing_ok=True)
                with suppress(OSError):  # it is not empty, or does not exist
                    self.folder.path.rmdir()
                    self.folder.path.parent.rmdir()


class LocalLauncher(SweepLauncher):
    """Runs are processes of this machine, one per slot."""

    def executor(self, example: DictConfig, is_search: bool) -> "Executor":
        from diptych.sweeps.local import LocalExecutor
        from diptych.sweeps.slots import Resources

        settings = dict(self.settings)
        most_memory_gb = settings.pop("memory_gb_per_run")
        if settings["gpus_per_run"] is None and example.trainer.accelerator == "cpu":
            settings["gpus_per_run"] = 0.0
        return LocalExecutor(Resources(**settings), most_memory_gb)


class SlurmLauncher(SweepLauncher):
    """Runs are SLURM jobs: a grid submits all at once, a search one at a time."""

    def executor(self, example: DictConfig, is_search: bool) -> "Executor":
        from diptych.sweeps.slurm import MOST_IN_AN_ARRAY, SlurmExecutor, SlurmSettings

        settings = dict(self.settings)
        most = settings.pop("slots") or MOST_IN_AN_ARRAY
        jobs = SlurmSettings(**settings)
        return SlurmExecutor(jobs, jobs.array_parallelism if is_search else most)


class RayLauncher(SweepLauncher):
    """Runs are actors of a Ray cluster."""

    def executor(self, example: DictConfig, is_search: bool) -> "Executor":
        from diptych.sweeps.ray_cluster import RayExecutor

        return RayExecutor(**self.settings)
