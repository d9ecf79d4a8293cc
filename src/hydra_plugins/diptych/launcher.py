"""The default of `-m`: one fresh subprocess a run, one after another.

Fresh processes because in-process multirun leaks random states, CUDA contexts and tracker runs from one run into the
next, and because one crash must not take the others with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

# Overrides of Hydra's own that describe the sweep and not the run.
OF_THE_SWEEP = ("hydra.sweep", "hydra.sweeper", "hydra.launcher", "hydra/launcher", "hydra/sweeper", "hydra.mode")


@dataclass
class DiptychLauncherConf:
    """No settings: runs are sequential."""

    _target_: str = "hydra_plugins.diptych.launcher.DiptychLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="diptych", node=DiptychLauncherConf, provider="diptych")


class DiptychLauncher(Launcher):
    """Runs `diptych train` once for every set of overrides; a failed run does not stop the others."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        # Imported late: plugins are imported by every Hydra application of the environment.
        from diptych.runs.sweep import run_each

        setup_globals()
        common = self._common()
        run_each(
            [[*common, *overrides] for overrides in job_overrides],
            folder=Path(self.config.hydra.sweep.dir),
            outputs=Path(self.config.paths.outputs),
        )
        return [JobReturn(overrides=o, status=JobStatus.COMPLETED, _return_value=None) for o in job_overrides]

    def _common(self) -> list[str]:
        """The flags and Hydra overrides of the command line that every run inherits."""
        sources = self.config.hydra.runtime.config_sources
        folders = [f"--config-dir={source.path}" for source in sources if source.provider == "command-line"]
        overrides = OmegaConf.to_container(self.config.hydra.overrides.hydra)
        assert isinstance(overrides, list)
        return folders + [str(o) for o in overrides if not str(o).lstrip("+~").startswith(OF_THE_SWEEP)]
