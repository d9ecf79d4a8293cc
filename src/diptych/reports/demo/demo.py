"""The demo: a captioner and a generator trained from nothing, both evaluated alone and together, and a report.

Nothing heavy is imported before both trainings are over, so that their memory is all that is in use.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from diptych.config.ids import timed_id
from diptych.reports.demo.steps import Step
from diptych.runs.folder.layout import RunFolder, digest_of
from diptych.runs.folder.status import DIVERGED, DONE, FAILED, RUNNING
from diptych.runs.lifecycle.processes import resume_in_process, train_in_process

if TYPE_CHECKING:
    from diptych.evaluation.evaluate import Kept
    from diptych.reports.demo.report import DemoData
    from diptych.types import Track

SMOKE = (
    "budget_images=640",
    "validate_every_images=640",
    "data.batch_size=32",
    "data.val_size=32",
    "trainer.threads=1",
    "tracking=csv",
)
SMOKE_OF_ROLE = {
    "captioner": SMOKE,
    "text_to_image": (
        *SMOKE,
        "text_pretraining.pretraining_images=192",
        "text_pretraining.whitening_images=64",
        "schedule.decay_images=256",
    ),
}
EXAMPLES = {"full": 1000, "smoke": 32}
PROMPTS_OF_EACH_SKILL = {"full": 250, "smoke": 4}
STEPS = 4


class TrainingFailed(RuntimeError):
    """A training did not end well; `code` is its exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Demo:
    """The steps in their order, what each took, and what came of them.

    `say` is given lines of at most 80 characters; `training_output` is where trainings speak, if not to stdout. What
    an interrupted demo has trained is used, if it is what this one would train.
    """

    def __init__(
        self, budget: str, outputs: Path, *, say: Callable[[str], None], training_output: TextIO | None = None
    ) -> None:
        self.budget = budget
        self.outputs = outputs
        self.say = say
        self.training_output = training_output
        self.steps: list[Step] = []
        self.results: list[Kept] = []
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def folder(self) -> Path:
        """Where the report and the links to the runs lie."""
        return self.outputs / "demo"

    @property
    def seconds(self) -> float:
        """How long all of it took."""
        return sum(step.seconds for step in self.steps)

    def train(self, role: str, what: str, *overrides: str) -> Path:
        """Train `experiment=demo/<role>` in a process of its own; the run's folder, to which a link is made."""
        self._begin(what)
        arguments = [f"experiment=demo/{role}", *overrides, *(SMOKE_OF_ROLE[role] if self.budget == "smoke" else ())]
        run = self._left_behind(role, arguments)
        start, before = time.monotonic(), run.read_status().seconds if run else 0.0
        run = self._go_on(role, run) if run else self._train_anew(role, arguments)
        _link(self.folder / role, run.path)
        self._end(Step(role, before + time.monotonic() - start, run.read_status().images_seen, role))
        return run.path

    def evaluate(self, captioner: Path, generator: Path, track: "Track") -> None:
        """Both on held-out scenes, their cycle, and the generator's skills in complete sentences, as it learned."""
        from diptych.evaluation.evaluate import evaluate
        from diptych.evaluation.request import Request
        from diptych.evaluation.skills.request import SkillsRequest
        from diptych.runs.load import load_captioner, load_generator

        self._begin("both are evaluated on held-out scenes, alone and together")
        start = time.monotonic()
        skills = SkillsRequest(PROMPTS_OF_EACH_SKILL[self.budget], full_sentences=True)
        num, partner = EXAMPLES[self.budget], load_captioner(captioner)
        captioning = evaluate(partner, Request(num=num), track=track)
        request = Request(num=num, skills=skills)
        self.results = evaluate(load_generator(generator), request, partners=(partner,), track=track)
        self.results[1:1] = captioning
        self._end(Step("evaluation", time.monotonic() - start))

    def report(self) -> Path:
        """Write the demo's report, and those of the two runs; the demo's path."""
        from diptych.reports.demo.report import demo_page
        from diptych.reports.page.html import write
        from diptych.reports.run.run_data import write_run_report

        self._begin("the report is written")
        start = time.monotonic()
        for role in ("captioner", "text_to_image"):
            write_run_report(RunFolder((self.folder / role).resolve()))
        path = write(self.folder / "report.html", demo_page(self._story()))
        self._journal.unlink(missing_ok=True)
        self._end(Step("report", time.monotonic() - start))
        return path

    def summary(self) -> list[tuple[str, str, str]]:
        """The main figures: what, how much, how sure."""
        from diptych.reports.demo.report import summary_rows

        return summary_rows(self._story())

    @property
    def _journal(self) -> Path:
        """The runs of a demo that is not over, by role."""
        return self.folder / "unfinished.json"

    def _begun(self) -> dict[str, str]:
        return json.loads(self._journal.read_text(encoding="utf-8")) if self._journal.exists() else {}

    def _left_behind(self, role: str, arguments: Sequence[str]) -> RunFolder | None:
        """The run of an interrupted demo that these arguments would train again, if there is more to it than plans."""
        from diptych.config.composition import compose

        run_id = self._begun().get(role)
        run = self._run(run_id) if run_id else None
        if run is None or not run.has_saved or run.read_status().label in (RUNNING, FAILED, DIVERGED):
            return None
        return run if run.digest == digest_of(compose(arguments)) else None

    def _train_anew(self, role: str, arguments: Sequence[str]) -> RunFolder:
        run_id = timed_id()
        kept = {} if role == "captioner" else self._begun()  # a generator learns from its own demo's captioner
        self._journal.write_text(json.dumps(kept | {role: run_id}), encoding="utf-8")
        code = train_in_process(arguments, run_id, self.training_output)
        return self._checked(role, self._run(run_id), code)

    def _go_on(self, role: str, run: RunFolder) -> RunFolder:
        seen = run.read_status().images_seen
        if run.read_status().status == DONE:
            self.say(f"      as an interrupted demo has trained it, {seen:,} images")
            return run
        self.say("      from where an interrupted demo has left it")
        return self._checked(role, run, resume_in_process(run.path, self.training_output))

    def _run(self, run_id: str) -> RunFolder | None:
        return next(map(RunFolder, self.outputs.glob(f"*/{run_id}")), None)

    def _checked(self, role: str, run: RunFolder | None, code: int) -> RunFolder:
        if code or run is None:
            where = f"; see {run.log}" if run else ""
            raise TrainingFailed(f"training demo/{role} ended with exit code {code}{where}", code or 1)
        return run

    def _story(self) -> "DemoData":
        from diptych.reports.demo.report import DemoData
        from diptych.reports.run.run_data import latest_hardware

        runs = {role: RunFolder((self.folder / role).resolve()) for role in ("text_to_image", "captioner")}
        return DemoData(
            budget=self.budget,
            evaluations=[kept.evaluation for kept in self.results],
            steps=self.steps,
            charts=_charts(runs),
            hardware=latest_hardware(runs["text_to_image"]) | {"peak memory": _peak_memory()},
            world=_world_in_words(runs["text_to_image"].read_config()),
        )

    def _begin(self, what: str) -> None:
        self.say(f"[{len(self.steps) + 1}/{STEPS}] {what}")

    def _end(self, step: Step) -> None:
        self.steps.append(step)
        minutes, seconds = divmod(round(step.seconds), 60)
        seen = f", {step.images:,} images seen" if step.images else ""
        self.say(f"      {minutes}:{seconds:02d} min{seen}\n")


def _link(link: Path, run: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(run, link.parent), target_is_directory=True)


def _charts(runs: dict[str, RunFolder]) -> dict[str, Any]:
    """How both learned: scene accuracy and losses."""
    from diptych.reports.page.charts import charts_of
    from diptych.reports.run.run_data import metric_points

    shown = ("scene accuracy (", "right, ", "losses (", "perplexity (")
    return {
        f"{role}: {title}": lines
        for role, run in runs.items()
        for title, lines in charts_of(metric_points(run)).items()
        if title.startswith(shown)
    }


def _peak_memory() -> str:
    """Of the largest process; Linux counts in KiB, macOS in bytes."""
    import resource
    import sys

    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return f"{largest / (2**30 if sys.platform == 'darwin' else 2**20):.1f} GiB in one process"


def _world_in_words(config: dict[str, Any]) -> str:
    world = config["data"]["world"]
    counts = ", ".join(f"{len(world[key])} {key}" for key in ("shapes", "colours", "sizes", "relations"))
    low, high = world["min_objects"], world["max_objects"]
    objects = f"{low}" if low == high else f"{low} to {high}"
    return f"Their world: pictures of {world['side']} pixels a side with {objects} objects; {counts}."
