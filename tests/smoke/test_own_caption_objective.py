"""A caption objective of one's own, with a network that learns along, lives outside the repository."""

import signal

import processes
import pytest
import torch

import diptych
from diptych.runs.folder.find import all_runs
from diptych.runs.folder.layout import RunFolder
from sameness import differences_of_runs

MODULE = '''
from collections import Counter
from functools import partial
from math import log

import torch
from torch import nn

from diptych.decoding import sample
from diptych.systems.captioning.objectives import CrossEntropy


class Reinforce(CrossEntropy):
    """Cross-entropy, and REINFORCE with a learned baseline; the reward sums right words, rare ones weigh more."""

    def __init__(self, *, image_dim: int, reinforce_weight: float = 0.1) -> None:
        super().__init__()
        self.baseline = nn.Linear(image_dim, 1)
        self.weights = {**self.weights, "reinforce_loss": reinforce_weight}

    def begin(self, training_captions):
        images = list(training_captions(1000))
        counts = Counter(word for captions in images for word in set(" ".join(captions).split()))
        self.rarity = {word: log(len(images) / count) for word, count in counts.items()}

    def helpers(self):
        return [(self.baseline, 10.0)]

    def losses(self, step):
        sampled = step.decode(partial(sample, rng=step.rng))
        captions = [step.tokenizer.decode(row) for row in sampled.tokens.tolist()]
        reward = torch.tensor([self.reward(*pair) for pair in zip(captions, step.batch.references)])
        reward = reward.to(step.images.device)
        expected = self.baseline(step.features.pooled.detach()).squeeze(1)
        return {
            **super().losses(step),
            "reinforce_loss": (expected - reward).detach() * step.log_probs(sampled).sum(dim=1),
            "baseline_loss": (expected - reward).square(),
        }

    def reward(self, caption, references):
        right = set(caption.split()) & set(" ".join(references).split())
        return sum(self.rarity.get(word, 0.0) for word in sorted(right))
'''
VALUES = "# Ranzato et al. 2016, arXiv:1511.06732\n_target_: own_objective.Reinforce\nreinforce_weight: 0.2\n"
TRAIN = [
    "train",
    "--config-dir",
    "my_conf",
    "model=cnn_rnn",
    "data=digits",
    "caption_objective=reinforce",
    "image_encoder={widths: [4, 8], num_halvings: 2, pooled_dim: 8}",
    "caption_decoder={embedding_dim: 8, hidden_dim: 8, dropout: 0.1}",
    "callbacks=[budget,metrics_log,checkpoints]",
    "callbacks.metrics_log.every_images=16",
    "callbacks.checkpoints.every_images=64",
    "tracking=csv",
    "data.batch_size=16",
    "data.val_size=16",
    "budget_images=256",
    "validate_every_images=128",
]
KILL = "+callbacks.strike={_target_: tinyparts.Strike, images: 180}"
TRUST = ["--trust", "own_objective"]


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_objective.py").write_text(MODULE)
    (folder / "my_conf" / "caption_objective").mkdir(parents=True)
    (folder / "my_conf" / "caption_objective" / "reinforce.yaml").write_text(VALUES)
    yield folder
    processes.kill_all()


@pytest.fixture(scope="module")
def runs(own_folder) -> tuple[RunFolder, RunFolder]:
    """One run that nobody disturbed, and one that was killed and resumed."""
    whole, killed = (processes.start([*TRAIN, *more], own_folder) for more in (["name=whole"], ["name=killed", KILL]))
    whole.join()
    killed.join()
    assert (whole.exitcode, killed.exitcode) == (0, -signal.SIGKILL), processes.said(own_folder)
    first, second = sorted(all_runs(own_folder / "outputs"), key=lambda run: run.experiment == "killed")
    resume = ["resume", second.run_id, "callbacks.strike=null", *TRUST, "--trust", "tinyparts"]
    assert processes.finish(resume, own_folder) == 0, processes.said(own_folder)
    return first, second


def test_a_killed_run_with_an_objective_of_one_s_own_is_resumed_bit_for_bit(runs):
    whole, resumed = runs
    assert differences_of_runs(resumed, whole) == []


def test_its_helper_learns_and_its_losses_are_logged(runs):
    whole, _ = runs
    header = whole.metrics.read_text(encoding="utf-8").splitlines()[0].split(",")
    assert {"train/loss", "train/reinforce_loss", "train/baseline_loss"} <= set(header)
    checkpoint = torch.load(whole.last, weights_only=True)
    assert checkpoint["state_dict"]["caption_objective.baseline.weight"].shape == (1, 8)
    assert len(checkpoint["optimizer_states"][0]["param_groups"]) == 3


def test_it_is_evaluated_and_restored_by_those_who_trust_it(runs, own_folder, monkeypatch):
    whole, _ = runs
    monkeypatch.syspath_prepend(own_folder)
    with pytest.raises(diptych.config.UserError, match="add --trust own_objective"):
        diptych.load(whole.path)
    assert processes.finish(["evaluate", whole.run_id, "--num", "20", *TRUST], own_folder) == 0, processes.said(
        own_folder
    )
    captioner = diptych.load(whole.path)  # trust given once is remembered
    saved = torch.load(whole.checkpoint(), weights_only=True)["state_dict"]
    assert torch.equal(captioner.system.caption_objective.baseline.weight, saved["caption_objective.baseline.weight"])
    assert isinstance(captioner.caption([torch.zeros(1, 28, 28)])[0].text, str)
