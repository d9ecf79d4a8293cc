"""The public caption metric: in parts, on several devices and in any order it is the score of the whole."""

import pytest
import torch

from diptych.metrics.captions import PTB, References
from diptych.metrics.captions.scorer import CaptionScorer, first_of_each

REFERENCES = {
    1: ["A dog runs on the grass.", "The dog is running."],
    2: ["Two cats sleep on a bed."],
    3: ["A red car on a road", "a car drives by quickly"],
    4: ["A man rides a bike up a hill"],
}
CAPTIONS = {1: "a dog runs on grass", 2: "two cats on a bed", 3: "a blue car", 4: "a man rides a bike"}


def scored(keys) -> CaptionScorer:
    scorer = CaptionScorer(REFERENCES)
    scorer.update([], [])
    for key in keys:
        scorer.update([key], [CAPTIONS[key]])
    return scorer


def test_parts_in_any_order_are_the_whole():
    whole = References(REFERENCES, PTB).score(CAPTIONS).values()
    assert scored([3, 1, 4, 2]).compute() == pytest.approx(whole)


def test_a_picture_that_comes_again_counts_once():
    assert scored([1, 2, 2, 3, 4, 1]).compute() == scored([1, 2, 3, 4]).compute()


def test_devices_that_share_a_picture_agree_with_one_that_saw_all():
    parts = [scored([1, 2, 3]), scored([4, 3])]
    gathered = scored([])
    gathered.rows = first_of_each(torch.stack([part.rows for part in parts]))
    assert gathered.compute() == scored([1, 2, 3, 4]).compute()


def test_words_are_weighed_by_all_references_not_by_those_of_a_batch():
    half = scored([1]).compute()
    assert half["cider_d"] == pytest.approx(References(REFERENCES, PTB).score(CAPTIONS).rows[0, -2])
    assert scored([1]).scores().intervals(seed=0)["cider_d"] is None


def test_nothing_seen_has_no_score_and_strangers_are_refused():
    assert scored([]).compute() == {}
    scorer = scored([1])
    scorer.reset()
    scorer.update([], [])
    assert scorer.compute() == {}
    with pytest.raises(ValueError, match="no references for 7"):
        scorer.update([7], ["a dog"])
