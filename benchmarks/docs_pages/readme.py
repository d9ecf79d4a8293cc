"""The README's figures of the demo, from its run folders: `make figures` writes them between two marks.

Every figure has its interval and n; every run its budget, time, processors, commit and configuration's hash. Nothing
names the machine or a place on it.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from diptych.config.errors import UserError
from diptych.evaluation.captioning.benchmark import Captioning
from diptych.evaluation.cycle.benchmark import Cycle
from diptych.evaluation.generation.benchmark import Generation
from diptych.evaluation.results import Evaluation, Figure, read_all
from diptych.reports.page.markdown import markdown_table
from diptych.reports.page.tables import NOTHING, interval_text, number
from diptych.reports.run.run_data import commit_words, data_words, hardware_facts, latest_of_each
from diptych.runs.folder.find import default_outputs, find_run
from diptych.runs.folder.layout import RunFolder

from .pages import rewrite

README, NAME = Path("README.md"), "demo figures"
HEADER = ("figure", "value", "95 % interval", "n", "chance", "reference")
RUN_HEADER = ("run", "budget", "best checkpoint", "training", "processor", "commit", "configuration")
GENERATION = (Generation.kind, ("scene_accuracy", "legible", "judge_accuracy", "judge_accuracy_blurred"))
CYCLE = (Cycle.kind, ("cycle_accuracy", "collusion_rate", "cycle_accuracy_image"))
CAPTIONING = (Captioning.kind, ("exact_match",))


def main(arguments: Sequence[str]) -> None:
    """Write the figures of the two runs named, by default the demo's, into ./README.md."""
    outputs = default_outputs()
    generator, captioner = arguments or _demo_runs(outputs)
    folders = [find_run(name, outputs) for name in (generator, captioner)]
    rewrite(README, NAME, demo_figures(*folders))


def _demo_runs(outputs: Path) -> list[str]:
    links = [outputs / "demo" / role for role in ("text_to_image", "captioner")]
    if not all(link.is_dir() for link in links):
        raise UserError(f"the demo's runs are not in {outputs / 'demo'}: run `make demo` first")
    return [str(link) for link in links]


def demo_figures(generator: RunFolder, captioner: RunFolder) -> str:
    """A sentence on how they were measured, the figures, and what was trained."""
    asked = ((generator, GENERATION, None), (generator, CYCLE, captioner.run_id), (captioner, CAPTIONING, None))
    results = [_result(run, kind, partner) for run, (kind, _), partner in asked]
    shown = zip(results, (keys for _, (_, keys), _ in asked), strict=True)
    rows = [_figure_row(figure, result) for result, keys in shown for figure in map(result.figure, keys) if figure]
    runs = [_run_row(run, result) for run, result in ((generator, results[0]), (captioner, results[2]))]
    return "\n\n".join((_protocol(results), markdown_table(HEADER, rows), markdown_table(RUN_HEADER, runs)))


def _result(run: RunFolder, kind: str, partner: str | None) -> Evaluation:
    """The newest result of this kind on the test split."""
    for result in reversed(latest_of_each(read_all(run.evaluations))):
        protocol = result.protocol
        if (result.kind, protocol["split"], (protocol.get("with") or {}).get("run")) == (kind, "test", partner):
            return result
    raise UserError(f"{run.run_id} has no evaluation of {kind}: `make demo`, or `diptych evaluate` with --with")


def _protocol(results: Sequence[Evaluation]) -> str:
    asked = {
        (data_words(r.protocol), r.protocol["split"], r.protocol["seed"], commit_words(r.protocol)) for r in results
    }
    if len(asked) > 1:
        raise UserError(f"the evaluations were made in different ways: {sorted(asked)}; evaluate both runs again")
    data, split, seed, commit = asked.pop()
    return f"Held-out examples of `{data}`, {split} split, seed {seed}, commit {commit}; one training run each."


def _figure_row(figure: Figure, result: Evaluation) -> tuple[str, ...]:
    chance, reference = (number(v, percent=figure.percent) for v in (figure.chance, figure.reference))
    name = f"{result.title.lower()}: {figure.name}"
    value, interval = number(figure.value, percent=figure.percent), interval_text(figure)
    return name, value, interval, f"{figure.n:,}" if figure.n else NOTHING, chance, reference


def _run_row(run: RunFolder, result: Evaluation) -> tuple[str, ...]:
    config, starts = run.read_config(), run.read_environment()
    if not starts:
        raise UserError(f"{run.run_id} does not say on what it was trained (environment.json): train it again")
    start = starts[0]
    if result.protocol.get("config_digest") != run.digest:
        raise UserError(f"{run.run_id} has another configuration than when it was evaluated: evaluate it again")
    facts = hardware_facts(start)
    processor = ", ".join(str(facts[key]) for key in ("processor", "accelerator") if facts[key] != "none")
    return (
        run.experiment,
        f"{config['budget_images']:,} images",
        f"{result.protocol['images_seen']:,} images",
        f"{run.read_status().seconds:.0f} s",
        processor,
        commit_words(start["code"]),
        result.protocol["config_digest"],
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"make figures: {error}")
