"""Every sampler and pruner of conf/hydra/sweeper proposes, or judges, as its file says."""

from pathlib import Path

import optuna
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from diptych.config.search_space import read_space
from diptych.sweeps.objective import SweepObjective
from diptych.sweeps.search.request import Search
from diptych.sweeps.search.study import Study

SWEEPER = Path(__file__).resolve().parents[2] / "conf" / "hydra" / "sweeper"
SAMPLERS, PRUNERS = (sorted(path.stem for path in (SWEEPER / kind).glob("*.yaml")) for kind in ("sampler", "pruner"))
TRUE, COST = SweepObjective("val/scene_accuracy"), SweepObjective("seconds", "min")
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


def made(kind: str, name: str):
    """What Hydra makes of the file where it stands."""
    config = OmegaConf.create(
        {"hydra": {"sweeper": {"seed": 7, kind: OmegaConf.load(SWEEPER / kind / f"{name}.yaml")}}}
    )
    return instantiate(config.hydra.sweeper[kind]) or None


def study_of(folder: Path, sampler: str, pruner: str = "none", objectives=(TRUE,)) -> Study:
    _, space = read_space(["x=interval(0,1)", "y=tag(log,interval(1e-4,1))"])
    return Study(folder, "lr", Search(space, (), objectives, made("sampler", sampler), made("pruner", pruner)))


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_proposes_and_never_twice_the_same(name, tmp_path):
    study, proposals = study_of(tmp_path, name), []
    for _ in range(14):
        number, values = study.ask()
        study.complete(number, [values["x"]])
        proposals.append(tuple(values.values()))
    assert len(set(proposals)) == 14


def test_what_is_for_several_objectives_takes_them(tmp_path):
    study = study_of(tmp_path, "nsga2", objectives=(TRUE, COST))
    for _ in range(3):
        number, values = study.ask()
        study.complete(number, [values["x"], values["y"]])
    assert study.best()


@pytest.mark.parametrize("name", [name for name in PRUNERS if name != "none"])
def test_every_pruner_gives_up_what_is_far_behind_and_nothing_that_leads(name, tmp_path):
    study = study_of(tmp_path, "random", name)
    for _ in range(12):
        number, _ = study.ask()
        for step in range(9):
            study.report(number, step, 0.5 + 0.01 * number)
        study.complete(number, [0.5 + 0.01 * number])

    def is_given_up(figure: float) -> bool:
        number, _ = study.ask()
        return any(study.report(number, step, figure) for step in range(9))

    assert sum(is_given_up(0.0) for _ in range(6)) >= 5
    assert not any(is_given_up(1.0 + 0.1 * i) for i in range(3))


def test_none_makes_no_pruner():
    assert made("pruner", "none") is None
    assert isinstance(made("pruner", "median"), optuna.pruners.MedianPruner)
