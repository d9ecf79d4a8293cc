"""`make demo BUDGET=smoke`: the demo's whole path on the smallest budget, and the notebook on the runs it leaves."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Path, dict]:
    """The outputs folder of a smoke demo, and what it said."""
    outputs = tmp_path_factory.mktemp("outputs")
    command = [sys.executable, "-m", "diptych", "demo", "--budget", "smoke", "--json"]
    environment = {**os.environ, "DIPTYCH_OUTPUTS": str(outputs)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(len(line) <= 80 for line in done.stderr.splitlines() if line.startswith(("[", " ")))
    return outputs, json.loads(done.stdout)


def test_the_demo_ends_with_a_report_that_tells_everything(demo):
    outputs, said = demo
    report = outputs / "demo" / "report.html"
    assert Path(said["report"]) == report
    document = report.read_text(encoding="utf-8")
    measured = ("Generation", "Captioning", "Cycle consistency", "Skills")
    sections = (*measured, "How they learned", "Time and machine")
    for part in (*sections, "smoke budget", "peak memory", 'class="attention"'):
        assert part in document


def test_the_demo_links_its_two_runs(demo):
    outputs, said = demo
    for role in ("captioner", "text_to_image"):
        link = outputs / "demo" / role
        assert link.is_symlink()
        assert link.resolve() == Path(said["runs"][role]).resolve()
        assert (link / "report.html").exists()


def test_the_demo_measures_both_and_their_cycle_with_the_judge_beside_them(demo):
    _, said = demo
    assert [evaluation["kind"] for evaluation in said["evaluations"]] == [
        "generation",
        "captioning",
        "grounding",
        "minimal_pairs",
        "existence",
        "cycle",
        "skills_full",
    ]
    figures = {figure["key"]: figure for figure in said["evaluations"][0]["figures"]}
    assert figures["judge_accuracy"]["value"] == 1
    assert figures["scene_accuracy"]["n"] == figures["judge_accuracy_blurred"]["n"] == 32


def test_the_tour_runs_on_the_demos_runs(demo, repository):
    outputs, _ = demo
    tour = _execute().execute(repository / "notebooks" / "tour.ipynb", outputs)
    pictures = [
        o for cell in tour.cells if cell.cell_type == "code" for o in cell.outputs if "image/png" in o.get("data", {})
    ]
    assert len(pictures) == 3


def test_notebooks_are_kept_without_outputs(repository):
    for path in (repository / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs")
            assert cell.get("execution_count") is None


def _execute():
    path = Path(__file__).resolve().parents[2] / "notebooks" / "execute.py"
    spec = importlib.util.spec_from_file_location("execute_notebooks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
