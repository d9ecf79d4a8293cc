"""Benchmarks of one's own from the command line, and how often a checkpoint is read for all of them."""

import json

import processes
import pytest

from diptych.cli.main import main
from diptych.config.composition import compose
from diptych.evaluation.results import SCHEMA
from diptych.runs import checkpoints, load, restore
from diptych.runs.folder.layout import RunFolder
from diptych.runs.training import train

MODULE = """
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.results import Evaluation, Figure
from diptych.runs.capabilities import GeneratesImages


class Brightness(Benchmark):
    kind, title, lead, layout = "brightness", "Brightness", "As they came.", "of_my_own"

    def applies(self, context):
        return isinstance(context.subject, GeneratesImages)

    def measure(self, context):
        bright = [bool(image.mean() > -1) for image in context.generated.images]
        figures = [Figure.rate("bright", bright, context.held_out.contents, chance=0.5)]
        return Evaluation.of(self, context.protocol, figures, clusters=context.held_out.contents)
"""
TINY = (
    "model=mlp_gan",
    "text_encoder=gru",
    "data=scenes_demo",
    "data.world.min_objects=1",
    "data.world.shapes=[circle,square]",
    "data.world.colours=[red,blue]",
    "data.batch_size=16",
    "data.val_size=32",
    "budget_images=64",
    "validate_every_images=64",
    "tracking=csv",
    "trainer.threads=1",
    "callbacks.progress.quiet=true",
)


@pytest.fixture(scope="module")
def generator(tmp_path_factory) -> RunFolder:
    return train(compose([*TINY, f"paths.outputs={tmp_path_factory.mktemp('outputs')}"]))[0]


@pytest.fixture
def own_folder(tmp_path):
    (tmp_path / "mybenchmarks.py").write_text(MODULE)
    yield tmp_path
    processes.kill_all()


def asked(generator, *words) -> list[str]:
    return ["evaluate", str(generator.path), "--num", "8", "--no-skills", *words]


def test_a_benchmark_of_ones_own_is_measured_beside_the_others(generator, own_folder):
    words = asked(generator, "--benchmark", "mybenchmarks.Brightness")
    assert processes.finish(words, own_folder) == 2
    assert "add --trust mybenchmarks" in processes.said(own_folder)
    assert processes.finish([*words, "--trust", "mybenchmarks"], own_folder) == 0, processes.said(own_folder)
    (path,) = generator.evaluations.glob("*-brightness.json")
    result = json.loads(path.read_text(encoding="utf-8"))
    assert (result["schema"], result["kind"], result["layout"]) == (SCHEMA, "brightness", "of_my_own")
    assert [figure["key"] for figure in result["figures"]] == ["bright"]
    assert main(["report", str(generator.path)]) == 0
    assert "Brightness" in generator.report.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("torch.nn.Identity", "is no benchmark: inherit from"),
        ("nowhere", "'nowhere' is not a class"),
        ("diptych.evaluation.generation.benchmark.Generation", "two benchmarks have the kind 'generation'"),
    ],
)
def test_what_is_no_further_benchmark_is_refused(generator, capsys, name, says):
    assert main(asked(generator, "--benchmark", name)) == 2
    assert says in capsys.readouterr().err


def test_a_benchmark_that_was_named_and_does_not_apply_is_refused(generator, own_folder):
    (own_folder / "mybenchmarks.py").write_text(MODULE.replace("GeneratesImages)", "())"))
    words = asked(generator, "--benchmark", "mybenchmarks.Brightness", "--trust", "mybenchmarks")
    assert processes.finish(words, own_folder) == 2
    assert "Brightness (--benchmark) does not apply here" in processes.said(own_folder)


def test_a_checkpoint_is_read_whole_at_most_twice(generator, monkeypatch, capsys):
    read, paths = checkpoints.read_checkpoint, []

    def counted(path):
        paths.append(path)
        return read(path)

    for module in (checkpoints, load, restore):
        monkeypatch.setattr(module, "read_checkpoint", counted)
    words = ["evaluate", str(generator.path), "--num", "8", "--num-prompts", "2", "--robustness", "--json"]
    assert main(words) == 0
    kinds = [result["kind"] for result in json.loads(capsys.readouterr().out)["evaluations"]]
    assert kinds == ["generation", "skills", "generation_robustness"]
    assert 1 <= len(paths) <= 2
