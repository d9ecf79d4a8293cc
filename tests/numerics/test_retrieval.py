"""R-precision and recall: closed forms."""

import pytest
import torch

from diptych.metrics.retrieval import draw_distractors, r_precision, ranked_first, recall_by_chance, recall_hits

RNG = torch.Generator().manual_seed(0)


def test_the_own_sentence_ranked_first_is_a_hit_and_no_other_rank_is():
    log_probs = torch.eye(5)
    assert r_precision(log_probs).tolist() == [1] * 5
    assert r_precision(log_probs.roll(1, 0)).tolist() == [0] * 5


def test_equally_good_sentences_share_the_hit():
    assert r_precision(torch.zeros(4, 4)).tolist() == [0.25] * 4


def test_what_a_sentence_costs_for_all_images_does_not_count():
    log_probs = torch.randn(6, 6, generator=RNG)
    shifted = log_probs + 10 * torch.randn(6, generator=RNG)
    assert torch.equal(r_precision(log_probs), r_precision(shifted))


def test_chance_is_one_in_n():
    hits = [r_precision(torch.randn(20, 20, generator=RNG)).mean() for _ in range(200)]
    assert float(torch.stack(hits).mean()) == pytest.approx(1 / 20, abs=0.01)


def test_sentences_that_are_true_of_the_image_too_are_left_out():
    log_probs = torch.tensor([[0.0, 9.0, -1.0], [0.0, 9.0, -1.0], [0.0, 0.0, 5.0]])
    everything = torch.ones(3, 3, dtype=torch.bool)
    without = everything.clone()
    without[0, 1] = False
    assert r_precision(log_probs, everything).tolist() == r_precision(log_probs).tolist()
    assert r_precision(log_probs)[0] == 0
    assert r_precision(log_probs, without)[0] == 1
    assert r_precision(log_probs, torch.zeros(3, 3, dtype=torch.bool)).tolist() == [1, 1, 1]


SCORES = torch.tensor([[0.9, 0.8, 0.7, 0.1], [0.9, 0.8, 0.7, 0.1], [0.5, 0.5, 0.1, 0.0]])
RELEVANT = torch.tensor([[True, False, False, False], [False, False, True, True], [False, True, False, False]])


def test_recall_counts_the_best_of_all_relevant_items():
    assert recall_hits(SCORES, RELEVANT, 1).tolist() == [True, False, False]
    assert recall_hits(SCORES, RELEVANT, 2).tolist() == [True, False, True]
    assert recall_hits(SCORES, RELEVANT, 3).tolist() == [True, True, True]


def test_recall_is_that_of_sorting_where_no_scores_are_equal():
    scores, relevant = torch.randn(30, 20, generator=RNG), torch.rand(30, 20, generator=RNG) > 0.8
    for k in (1, 3, 20):
        nearest = scores.topk(k, dim=1).indices
        assert torch.equal(recall_hits(scores, relevant, k), relevant.gather(1, nearest).any(dim=1))


def test_who_finds_everything_alike_or_nothing_at_all_is_never_right():
    for value in (0.5, float("nan")):
        assert not recall_hits(torch.full((3, 4), value), RELEVANT, 2).any()
    assert not recall_hits(SCORES, torch.zeros_like(RELEVANT), 4).any()


def test_recall_by_chance_is_what_random_scores_reach():
    chance = recall_by_chance(RELEVANT, 2)
    assert chance.tolist() == pytest.approx([1 / 2, 1 - 1 / 6, 1 / 2])
    drawn = torch.stack([recall_hits(torch.rand(3, 4, generator=RNG), RELEVANT, 2).double() for _ in range(4000)])
    assert drawn.mean(0).tolist() == pytest.approx(chance.tolist(), abs=0.03)
    assert recall_by_chance(RELEVANT, 9).tolist() == [1, 1, 1]
    assert recall_by_chance(torch.zeros(1, 3, dtype=torch.bool), 2).tolist() == [0]


def test_distractors_are_wrong_as_many_as_asked_and_each_gets_its_turn():
    wrong = torch.rand(5, 40, generator=RNG) > 0.3
    wrong[0, 3:] = False
    drawn = torch.stack([draw_distractors(wrong, 9, RNG) for _ in range(200)])
    assert not (drawn & ~wrong).any()
    assert drawn.sum(dim=2).unique(dim=0).tolist() == [[int(wrong[0].sum()), 9, 9, 9, 9]]
    assert torch.equal(drawn.any(dim=0), wrong)


def test_the_own_item_is_first_only_if_it_beats_every_distractor():
    scores = torch.tensor([[0.5, 0.9, 0.4], [0.5, 0.5, 0.4], [0.1, 0.2, float("nan")]])
    everyone = torch.ones(3, 3, dtype=torch.bool) & ~torch.eye(3, dtype=torch.bool)
    own = torch.arange(3)
    assert ranked_first(scores, own, everyone).tolist() == [False, False, False]
    assert ranked_first(scores, own, everyone & torch.tensor([[True, False, True]])).tolist() == [True, False, False]
    assert ranked_first(scores, own, torch.zeros_like(everyone)).tolist() == [True] * 3
