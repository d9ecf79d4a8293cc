"""Launchers of sweeps: `hydra/launcher=local`, the default of `-m`, `submitit_slurm` and `ray`.

Every run is a fresh process, because in-process multirun leaks random states, CUDA contexts and tracker runs from one
run into the next, and because one crash must not take the others with it. What a sweep is stands in `diptych.sweeps`;
here it only meets Hydra.
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

# Overrides of Hydra's own that describe the sweep and not the run.
OF_THE_SWEEP = ("hydra.sweep", "hydra.sweeper", "hydra.launcher", "hydra/launcher", "hydra/sweeper", "hydra.mode")
MADE_BY_HYDRA = "multirun.yaml"


@dataclass
class SweepConf:
    """When to give up; `dry_run` only says what would be run."""

    fail_fast: bool = False
    hung_seconds: float = 1800.0
    least_free_gb: float = 1.0
    dry_run: bool = False


@dataclass
class LocalLauncherConf(SweepConf):
    """Slots of this machine; null lets it decide."""

    _target_: str = "hydra_plugins.diptych.launcher.LocalLauncher"
    slots: int | None = None
    gpus_per_run: float | None = None
    threads_per_run: int | None = None
    memory_gb_per_run: float | None = None


@dataclass
class SlurmLauncherConf(SweepConf):
    """What every job asks of SLURM; null leaves it to the cluster."""

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
    """A cluster that exists, or where `address` is null one of this machine, begun for the sweep."""

    _target_: str = "hydra_plugins.diptych.launcher.RayLauncher"
    address: str | None = None
    slots: int | None = None
    cpus_per_run: float = 1.0
    gpus_per_run: float = 0.0


for _name, _node in (("local", LocalLauncherConf), ("submitit_slurm", SlurmLauncherConf), ("ray", RayLauncherConf)):
    ConfigStore.instance().store(group="hydra/launcher", name=_name, node=_node, provider="diptych")


class SweepLauncher(Launcher, ABC):
    """Carries sweeps out through a supervisor: grids that Hydra makes, and searches; a failed run stops no other."""

    def __init__(
        self, fail_fast: bool, hung_seconds: float, least_free_gb: float, dry_run: bool, **settings: Any
    ) -> None:
        self.settings = settings
        self.policy = {"fail_fast": fail_fast, "hung_seconds": hung_seconds, "least_free_gb": least_free_gb}
        self.dry_run = dry_run

    @abstractmethod
    def executor(self, example: DictConfig, is_search: bool) -> "Executor":
        """Who carries out runs such as the `example`; `UserError` if the launcher's settings cannot be."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config, self.hydra_context = config, hydra_context

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """A grid: the sets of overrides that Hydra's own sweeper has made."""
        from diptych.sweeps.jobs import new_plans

        plans = [[*self.common(), *overrides] for overrides in job_overrides]
        with self._no_trace_if_refused():
            new = new_plans(self.folder.jobs(), plans)
            self._take(self.composed((new or plans)[0]), plans=plans)
        return [JobReturn(overrides=o, status=JobStatus.COMPLETED, _return_value=None) for o in job_overrides]

    def search(self, search: "Search", example: DictConfig) -> None:
        """A search: its proposals, one after the other; `example` is the configuration of one of its runs."""
        self._take(example, search=search)

    def _take(self, example: DictConfig, **asked: Any) -> None:
        """What all runs would be refused for is found before any of them is begun (`UserError`)."""
        # Imported late: plugins are imported by every Hydra application of the environment.
        from diptych.config.composition import plain
        from diptych.runs.requirements import check_requirements
        from diptych.sweeps.controller import Policy
        from diptych.sweeps.dry_run import foresee
        from diptych.sweeps.launch import launch
        from diptych.sweeps.request import Request

        request = Request(policy=Policy(**self.policy), **asked)
        if request.begins_runs(self.folder):
            check_requirements(plain(example))
        executor = self.executor(example, request.search is not None)
        if not self.dry_run:
            launch(request, self.folder, executor)
            return
        for line in foresee(request, self.folder, executor, self.composed):
            log.info("%s", line)

    @property
    def folder(self) -> "SweepFolder":
        """The sweep's."""
        from diptych.sweeps.folder import SweepFolder

        return SweepFolder(Path(self.config.hydra.sweep.dir), Path(self.config.paths.outputs))

    def composed(self, arguments: Sequence[str]) -> DictConfig:
        """The configuration of one run, as its own process will have it; what all runs share is known already."""
        setup_globals()
        common = self.common()
        overrides = [argument for argument in arguments if argument not in common]
        file = self.config.hydra.runtime.choices.get("sweep")
        search = [f"sweep={file}"] if file else []  # Hydra's overrides of before may be about what it has chosen
        config = self.hydra_context.config_loader.load_sweep_config(self.config, [*search, *overrides])
        HydraConfig.instance().set_config(config)
        return config

    def common(self) -> list[str]:
        """The flags and Hydra overrides of the command line that every run inherits."""
        sources = self.config.hydra.runtime.config_sources
        folders = [f"--config-dir={source.path}" for source in sources if source.provider == "command-line"]
        overrides = OmegaConf.to_container(self.config.hydra.overrides.hydra)
        assert isinstance(overrides, list)
        return folders + [str(o) for o in overrides if not str(o).lstrip("+~").startswith(OF_THE_SWEEP)]

    @contextmanager
    def _no_trace_if_refused(self) -> Iterator[None]:
        """Hydra's own sweeper makes a folder with a file before it asks; a sweep that does not begin needs neither."""
        try:
            yield
        finally:
            if not self.folder.ledger.path.exists():
                (self.folder.path / MADE_BY_HYDRA).unlink(missing_ok=True)
                with suppress(OSError):  # something else lies in it, or it is not there
                    self.folder.path.rmdir()
                    self.folder.path.parent.rmdir()


class LocalLauncher(SweepLauncher):
    """Runs are processes of this machine, in slots."""

    def executor(self, example: DictConfig, is_search: bool) -> "Executor":
        from diptych.sweeps.local import LocalExecutor
        from diptych.sweeps.slots import Resources

        settings = dict(self.settings)
        most_memory_gb = settings.pop("memory_gb_per_run")
        if settings["gpus_per_run"] is None and example.trainer.accelerator == "cpu":
            settings["gpus_per_run"] = 0.0
        return LocalExecutor(Resources(**settings), most_memory_gb)


class SlurmLauncher(SweepLauncher):
    """Runs are jobs of SLURM: those of a grid all at once, those of a search only when they are to run."""

    def executor(self, example: DictConfig, is_search: bool) -> "Executor":
        from diptych.sweeps.slurm import MOST_IN_AN_ARRAY, SlurmExecutor, SlurmSettings

        settings = dict(self.settings)
        most = settings.pop("slots") or MOST_IN_AN_ARRAY
        jobs = SlurmSettings(**settings)
        return SlurmExecutor(jobs, jobs.array_parallelism if is_search else most)


class RayLauncher(SweepLauncher):
    """Runs are wherever a Ray cluster has room."""

    def executor(self, example: DictConfig, is_search: bool) -> "Executor":
        from diptych.sweeps.ray_cluster import RayExecutor

        return RayExecutor(**self.settings)
