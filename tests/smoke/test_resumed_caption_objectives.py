"""A killed and resumed run of each shipped caption objective is bit-identical to an undisturbed one."""

import signal
from pathlib import Path

import processes
import pytest
import torch

from diptych.runs.folder.find import all_runs
from sameness import differences_of_runs

CONF = Path(__file__).resolve().parents[1] / "support" / "conf"
DISTURBED = ["caption_objective.word_dropout_prob=0.2", "caption_objective.scheduled_sampling_prob=0.3"]
OBJECTIVES = {
    "self_critical": ["caption_objective=self_critical", "caption_objective.reward.document_frequency_images=50"],
    "self_critical_greedy": ["caption_objective=self_critical_greedy"],
    "self_critical_truth": ["caption_objective=self_critical_truth", "caption_objective.cross_entropy_weight=0.5"],
    "adversarial": ["caption_objective=adversarial", "caption_objective.discriminator_warmup_images=100"],
    "adversarial_gumbel": ["caption_objective=adversarial_gumbel"],
    "disturbed": ["caption_objective=cross_entropy", *DISTURBED],
}
QUICK = ("adversarial",)
TRAIN = ["train", "--config-dir", str(CONF), "model=small_captioner", "budget_images=320", "validate_every_images=160"]
KILL = "+callbacks.strike={_target_: tinyparts.Strike, images: 230}"


@pytest.fixture(autouse=True)
def _nothing_is_left_running():
    yield
    processes.kill_all()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in OBJECTIVES]
)
def test_a_killed_run_is_resumed_bit_for_bit(name, tmp_path):
    train = [*TRAIN, *OBJECTIVES[name]]
    assert processes.finish([*train, "name=whole"], tmp_path) == 0, processes.said(tmp_path)
    assert processes.finish([*train, "name=killed", KILL], tmp_path) == -signal.SIGKILL
    killed, whole = sorted(all_runs(tmp_path / "outputs"), key=lambda run: run.experiment)
    assert torch.load(killed.last, weights_only=True)["images_seen"] == 160
    resume = ["resume", killed.run_id, "callbacks.strike=null", "--trust", "tinyparts"]
    assert processes.finish(resume, tmp_path) == 0, processes.said(tmp_path)
    assert differences_of_runs(killed, whole) == []
