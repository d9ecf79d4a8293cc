"""`hydra/sweeper=optuna`: proposes what to run next by what came of the runs so far.

A thin door: what a search is stands in `diptych.sweeps.search`; here it only meets Hydra. Grids stay Hydra's own.
"""

from collections.abc import Mapping
from typing import Any

from hydra.core.default_element import GroupDefault
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

FILE_OF_THE_SEARCH = "sweep="


class OptunaSweeper(Sweeper):
    """Searches the space that `params` and the command line's sweeps make together; the command line wins."""

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
        # Imported late: plugins are imported by every Hydra application of the environment.
        from diptych.config.errors import UserError
        from diptych.config.search_space import read_space, read_values, typed, values_of
        from diptych.sweeps.search.request import Search, objectives_of

        if not hasattr(self.launcher, "search"):
            raise UserError("hydra/sweeper=optuna needs a launcher of diptych's: hydra/launcher=local")
        asked = values_of(arguments).keys()
        params = [f"{key}={value}" for key, value in self.params.items()]
        params = [param for param in params if not values_of([param]).keys() & asked]
        whole, space = read_space([*params, *arguments], self.when)
        fixed = [override for override in whole if not override.startswith(FILE_OF_THE_SEARCH)]
        key, values = read_values(self.repeat) if self.repeat else ("", ())
        repeats = tuple(f"{key}={value}" for value in values)
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
        """A file in conf/sweep says how is searched; runs are begun, and later repeated, without it."""
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
                f"sweep={name}: the file says {', '.join(others)}, which is the runs' own: type it, or put it in an "
                "experiment"
            )


def _texts(node: DictConfig | Mapping[str, Any] | None) -> dict[str, str]:
    """Keys and values as they were written."""
    if node is None:
        return {}
    plain = OmegaConf.to_container(node) if isinstance(node, DictConfig) else node
    assert isinstance(plain, Mapping)
    return {str(key): str(value) for key, value in plain.items()}
