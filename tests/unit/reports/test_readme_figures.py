import json

import pytest

from diptych.config import UserError
from diptych.evaluation.results import Evaluation, Figure, save
from diptych.runs.folder.layout import RunFolder
from docs_pages.readme import NAME, demo_figures, main

PROTOCOL = {"data": "scenes", "split": "test", "seed": 0, "images_seen": 96_000, "commit": "c" * 40, "dirty": False}


def trained(outputs, name, budget):
    run = RunFolder.create(outputs, name, f"20260101-{name}")
    run.write_config({"name": name, "paths": {"outputs": str(outputs)}, "budget_images": budget, "parts": {}})
    environment = {
        "python": "3",
        "packages": {"torch": "2", "diptych": "0"},
        "code": {"commit": "a" * 40, "dirty": True},
        "hardware": {"cpus": 2, "torch_threads": 1, "memory_gib": 8, "gpus": []},
    }
    run.write_environment(environment)
    run.write_status("done", images_seen=budget)
    status = json.loads((run.path / "status.json").read_text())
    begin = "2026-01-01T10:00:00+00:00"
    times = {"started": begin, "resumed": begin, "updated": "2026-01-01T10:05:01+00:00"}
    (run.path / "status.json").write_text(json.dumps(status | times))
    return run


def evaluated(run, kind, figure, **protocol):
    hits = [True] * 19 + [False]
    table = [Figure.rate(figure, hits, chance=0.01, reference=1.0), Figure.rate("never_shown", hits)]
    protocol = {**PROTOCOL, "config_digest": run.digest, **protocol}
    save(Evaluation(kind, kind.title(), protocol, table), run.evaluations, kind)


@pytest.fixture
def runs(tmp_path):
    generator, captioner = trained(tmp_path, "p", 96_000), trained(tmp_path, "t", 192_000)
    evaluated(generator, "generation", "scene_accuracy")
    evaluated(generator, "cycle", "cycle_accuracy", **{"with": {"run": captioner.run_id}})
    evaluated(captioner, "captioning", "exact_match")
    return generator, captioner


def test_every_figure_has_its_interval_and_n_and_every_run_its_budget_time_commit_and_hash(runs):
    lines = demo_figures(*runs).splitlines()
    assert "| generation: scene accuracy | 95.0 % | 76.4 to 99.1 | 20 | 1.0 % | 100.0 % |" in lines
    assert sum("95.0 %" in line for line in lines) == 3
    wanted = ("p", "96,000 images", "96,000 images", "301 s", "2 cores, 1 threads used", "aaaaaaaaaa (changed since)")
    assert "| " + " | ".join((*wanted, runs[0].digest)) + " |" in lines


def test_the_figures_name_no_machine_and_no_place(runs, tmp_path):
    text = demo_figures(*runs)
    assert runs[0].read_status().host not in text.split()
    assert str(tmp_path) not in text


def test_the_hash_is_of_what_was_trained_and_not_of_where(runs):
    generator, captioner = runs
    before = generator.digest
    generator.write_config(generator.read_config() | {"paths": {"outputs": "/elsewhere"}, "tracking": {"csv": {}}})
    assert generator.digest == before
    assert captioner.digest != before


def test_without_the_cycle_s_evaluation_the_message_says_what_to_do(runs):
    (runs[0].evaluations / "cycle.json").unlink()
    with pytest.raises(UserError, match="no evaluation of cycle: `make demo`"):
        demo_figures(*runs)


def test_evaluations_made_in_different_ways_do_not_share_a_table(runs):
    evaluated(runs[1], "captioning", "exact_match", seed=1)
    with pytest.raises(UserError, match="different ways"):
        demo_figures(*runs)


def test_a_run_that_was_changed_since_its_evaluation_is_to_be_evaluated_again(runs):
    generator, _ = runs
    generator.write_config(generator.read_config() | {"budget_images": 97_000})
    with pytest.raises(UserError, match="evaluate it again"):
        demo_figures(*runs)


def test_without_the_demos_runs_the_message_names_the_command_that_makes_them(tmp_path, monkeypatch):
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    with pytest.raises(UserError, match="run `make demo` first"):
        main([])


def test_only_what_stands_between_the_marks_is_replaced(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    begin, end = f"<!-- {NAME}: begin -->", f"<!-- {NAME}: end -->"
    (tmp_path / "README.md").write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    for _ in range(2):
        main([str(run.path) for run in runs])
    assert (tmp_path / "README.md").read_text() == f"before\n{begin}\n{demo_figures(*runs)}\n{end}\nafter\n"
    (tmp_path / "README.md").write_text("no marks")
    with pytest.raises(UserError, match="no place"):
        main([str(run.path) for run in runs])
