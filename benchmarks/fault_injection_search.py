"""A search with random kills: `python benchmarks/fault_injection_search.py [--trials 24 --kills 20]`, twenty minutes.

Optuna searches two learning rates with pruning, in two slots of one thread, while runs and their supervisor are killed
(SIGKILL) at random moments, in validations and while saving. At the end every trial has ended once, no proposal is
repeated, and training the finished trials again with their recorded parameters gives the recorded figures.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import optuna

from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DONE, PRUNED
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Job
from diptych.sweeps.objective import SweepObjective
from diptych.sweeps.search.figures import figures_of
from diptych.sweeps.search.study import DROPPED, FILE_NAME
from random_kills import BUDGET, DCGAN, INTERVAL, disturbed, most_repeated, summary, sweep_in, with_witness

OBJECTIVE = SweepObjective("val/energy_distance", "min")


def arguments(trials: int) -> list[str]:
    return [
        *DCGAN,
        f"budget_images={BUDGET}",
        with_witness(),
        *("hydra/sweeper=optuna", "hydra/sweeper/pruner=median", f"hydra.sweeper.n_trials={trials}"),
        "generator_optimizer.lr=tag(log,interval(1e-5,1e-2))",
        "discriminator_optimizer.lr=tag(log,interval(1e-5,1e-2))",
    ]


def trials_in_study(sweep: SweepFolder) -> list[optuna.trial.FrozenTrial]:
    """The trials of the study that ran."""
    backend = optuna.storages.journal.JournalFileBackend(str(sweep.path / FILE_NAME))
    study = optuna.load_study(study_name=sweep.name, storage=optuna.storages.JournalStorage(backend))
    return [trial for trial in study.trials if DROPPED not in trial.user_attrs]


def figure_again(job: Job, folder: Path) -> float:
    """The figure of the job's command, run once more."""
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "DIPTYCH_RUN_ID": "again"}
    command = [sys.executable, "-m", "diptych", "train", *job.arguments, f"trainer.threads={job.threads}"]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return figures_of(RunFolder(next((folder / "outputs").glob("*/again"))), [OBJECTIVE])[0]


def report(sweep: SweepFolder, trials: int, folder: Path) -> bool:
    """Print the result; returns whether it is as required."""
    jobs, study = list(sweep.jobs()), trials_in_study(sweep)
    states, proposals = Counter(job.state for job in jobs), len({job.arguments for job in jobs})
    in_study = Counter(trial.state.name for trial in study)
    done = [job for job in jobs if job.state == DONE]
    repeated = _count_equal(done, study, folder)
    print(f"trials: {len(jobs)} (required: {trials}); {dict(states)}; different proposals: {proposals}")
    print(f"in Optuna's study: {dict(in_study)}")
    print(f"trained again: {len(done)}; with the recorded figure: {repeated}")
    ended = states[DONE] == in_study["COMPLETE"] and states[PRUNED] == in_study["PRUNED"]
    return ended and trials == len(jobs) == proposals == states[DONE] + states[PRUNED] and repeated == len(done)


def _count_equal(jobs: Sequence[Job], study: Sequence[optuna.trial.FrozenTrial], folder: Path) -> int:
    recorded = {trial.number: trial.value for trial in study}
    return sum(figure_again(job, folder / f"again{job.number}") == recorded[job.trial or 0] for job in jobs)


def main() -> int:
    parser = argparse.ArgumentParser(description="a search with random kills")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    seconds, kills = disturbed(arguments(asked.trials), asked.kills, folder / "search", random.Random(asked.seed))
    print(f"\n{summary(kills)}\nseconds with kills {seconds:.0f}")
    enough = len(kills) >= asked.kills and most_repeated(kills) <= INTERVAL
    return 0 if report(sweep_in(folder / "search"), asked.trials, folder) and enough else 1


if __name__ == "__main__":
    sys.exit(main())
