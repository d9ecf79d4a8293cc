import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.metrics import precision_recall_fscore_support

from diptych.metrics.classification import label_scores


def pictures(num: int, seed: int, mistakes: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    held = torch.rand(num, 6, generator=rng) < 0.3
    return held ^ (torch.rand(num, 6, generator=rng) < mistakes), held


def test_the_three_are_scikit_learn_s_over_all_labels_together():
    found, held = pictures(300, 0)
    theirs = precision_recall_fscore_support(held.numpy(), found.numpy(), average="micro")[:3]
    assert [ratio.value for ratio in label_scores(found, held, range(300))] == pytest.approx(list(theirs))


def test_intervals_hold_the_truth_as_often_as_they_say():
    held_all, found_all = [], []
    for seed in range(60):
        found, held = pictures(100, seed)
        found_all.append(found)
        held_all.append(held)
    truth = label_scores(torch.cat(found_all), torch.cat(held_all), range(6000)).f1.value
    intervals = [label_scores(f, h, range(100)).f1.interval for f, h in zip(found_all, held_all, strict=True)]
    covered = np.mean([interval.low <= truth <= interval.high for interval in intervals])
    assert 0.88 <= covered <= 1


def test_without_mistakes_the_interval_keeps_a_width():
    _, held = pictures(50, 0)
    scores = label_scores(held, held, range(50), "held-out contents")
    sizes = held.sum(dim=1)
    alike = float(sizes.sum() ** 2 / sizes.square().sum())  # Kish's number of pictures with as many labels each
    interval = scores.recall.interval
    assert scores.recall.value == 1
    assert interval.ends == pytest.approx((alike / (alike + norm.ppf(0.975) ** 2), 1))  # Wilson's when all are right
    assert (interval.over, interval.n) == ("held-out contents", int((sizes > 0).sum()))


def test_what_was_never_found_has_no_precision():
    _, held = pictures(50, 0)
    scores = label_scores(torch.zeros_like(held), held, range(50))
    assert scores.precision == (None, None)
    assert scores.recall.value == scores.f1.value == 0


def test_pictures_of_one_content_count_once():
    found, held = pictures(100, 0)
    once = label_scores(found, held, range(100)).f1
    copies = label_scores(found.repeat(9, 1), held.repeat(9, 1), [i % 100 for i in range(900)]).f1
    assert copies.value == pytest.approx(once.value)
    assert copies.interval.ends == pytest.approx(once.interval.ends)
    assert copies.interval.n == once.interval.n
