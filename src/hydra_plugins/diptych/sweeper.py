"""`hydra/sweeper=optuna`: a search that proposes runs from the results so far.

`diptych.sweeps.search` has the logic; this module connects it to Hydra. Grids use Hydra's own sweeper.
"""

from collections.abc import Mapping
from typing import Any

from hydra.core.default_element import GroupDefault
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

SWEEP_FILE = "sweep="


class OptunaSweeper(Sweeper):
    """Searches the space of `params` and of the command line; the command line wins."""

    def __init__(
        self,
        sampler: Any,
        pruner: Any,
        params: DictConfig | None,
        when: DictConfig | None,
        objectives: DictConfig | None,
        n_trials: int,
        repeat: str | None,
        aggregate: str,
        seed: int,
    ) -> None:
        self.sampler, self.pruner = sampler, pruner or None  # the file `none` is an empty mapping
        self.params, self.when, self.objectives = _texts(params), _texts(when), _texts(objectives)
        self.n_trials, self.repeat, self.aggregate, self.seed = n_trials, repeat, aggregate, seed

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config, self.hydra_context = config, hydra_context
        self.launcher: Any = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        # Imported late: every Hydra application of the environment imports its plugins.
        from diptych.config.errors import UserError
        from diptych.config.search_space import read_space, read_values, typed, values_of
        from diptych.sweeps.search.request import Search, objectives_of
        from diptych.sweeps.values import check_space

        if not hasattr(self.launcher, "search"):
            raise UserError("hydra/sweeper=optuna needs hydra/launcher=local, submitit_slurm or ray")
        asked = values_of(arguments).keys()
        params = [f"{key}={value}" for key, value in self.params.items()]
        params = [param for param in params if not values_of([param]).keys() & asked]
        whole, space = read_space([*params, *arguments], self.when)
        fixed = [override for override in whole if not override.startswith(SWEEP_FILE)]
        key, values = read_values(self.repeat) if self.repeat else ("", ())
        repeats = tuple(f"{key}={value}" for value in values)
        check_space([*self.launcher.common(), *fixed], space, self.launcher.composed)
        examples = [f"{parameter.key}={typed(parameter.values.example)}" for parameter in space if not parameter.when]
        config = self.launcher.composed([*fixed, *examples, *repeats[:1]])
        self._refuse_settings_of_runs()
        search = Search(
            space,
            (*self.launcher.common(), *fixed),
            objectives_of(config, self.objectives),
            self.sampler,
            self.pruner,
            self.n_trials,
            repeats,
            self.aggregate,
            self.seed,
        )
        self.launcher.search(search, config)

    def _refuse_settings_of_runs(self) -> None:
        """`UserError` if a file in conf/sweep configures the runs, which start without that file."""
        from diptych.config.errors import UserError

        config, context = self.config, self.hydra_context
        assert config is not None
        assert context is not None
        name = config.hydra.runtime.choices.get("sweep")
        loader: Any = context.config_loader
        file = loader.repository.load_config(f"sweep/{name}") if name else None
        if file is None:
            return
        groups = [default.group for default in file.defaults_list if isinstance(default, GroupDefault)]
        others = [str(key) for key in (*file.config, *groups) if not str(key).lstrip("/").startswith("hydra")]
        if others:
            raise UserError(
                f"sweep={name}: the file sets {', '.join(others)} of the runs: move that to the command line or to an "
                "experiment"
            )


def _texts(node: DictConfig | Mapping[str, Any] | None) -> dict[str, str]:
    """Keys and values as text."""
    if node is None:
        return {}
    plain = OmegaConf.to_container(node) if isinstance(node, DictConfig) else node
    assert isinstance(plain, Mapping)
    return {str(key): str(value) for key, value in plain.items()}
