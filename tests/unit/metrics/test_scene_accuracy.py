import copy
import pickle
from random import Random

import pytest
import torch

from diptych.metrics.scene_accuracy import CAPTION_SCORES, IMAGE_SCORES, CaptionAccuracy, SceneAccuracy
from diptych.types import Scene
from diptych.world import Grammar, WorldSpec, render, sample_scene

WORLD = WorldSpec()
GRAMMAR = Grammar()
SCENES = [sample_scene(WORLD, Random(seed)) for seed in range(24)]
SENTENCES = [GRAMMAR.describe(scene, Random(i)) for i, scene in enumerate(SCENES)]
PARTIAL = [GRAMMAR.describe(scene, Random(i), complete=False) for i, scene in enumerate(SCENES)]


def generated(images: torch.Tensor, sentences: list[str]) -> dict[str, float]:
    metric = SceneAccuracy(WORLD)
    metric.update(images, sentences)
    return metric.compute()


def scores_of(captions: list[str], scenes: list[Scene]) -> dict[str, float]:
    metric = CaptionAccuracy()
    metric.update(captions, scenes)
    return metric.compute()


def test_perfect_images_are_all_true():
    for sentences in (SENTENCES, PARTIAL):
        scores = generated(render(SCENES), sentences)
        assert tuple(scores) == IMAGE_SCORES
        assert scores["scene_accuracy"] == 1
        assert all(scores[name] == 0 for name in IMAGE_SCORES if name.startswith("false_"))
        assert all(scores[name] == 1 for name in IMAGE_SCORES if name.startswith("right_"))


def test_the_reasons_and_the_truth_add_up_to_one():
    images = render(SCENES).roll(1, dims=0)
    images[:4] = 0
    images[4:8] /= 2
    scores = generated(images, SENTENCES)
    assert sum(
        scores[name] for name in ("scene_accuracy", *(n for n in scores if n.startswith("false_")))
    ) == pytest.approx(1)
    assert scores["false_blank"] == pytest.approx(4 / 24)
    assert scores["false_off_grammar"] == pytest.approx(4 / 24)


def test_blank_images_have_nothing_right():
    scores = generated(torch.zeros(24, 3, 32, 32), SENTENCES)
    assert scores["false_blank"] == 1
    assert all(scores[name] == 0 for name in scores if name.startswith("right_"))


def test_a_generation_of_no_sentence_of_the_world_cannot_be_judged():
    with pytest.raises(ValueError, match="not a sentence of the world"):
        generated(render(SCENES[:1]), ["a dog on a beach"])


def test_perfect_captions_are_exact_and_partial_ones_only_true():
    scores = scores_of(SENTENCES, SCENES)
    assert tuple(scores) == CAPTION_SCORES
    assert scores.pop("hallucination") == 0
    assert set(scores.values()) == {1.0}
    partial = scores_of(PARTIAL, SCENES)
    assert (partial["faithful"], partial["well_formed"], partial["hallucination"]) == (1, 1, 0)
    assert partial["exact_match"] < 0.5
    assert partial["informativeness"] < 1


def test_a_vague_caption_is_true_and_says_little():
    vague = scores_of(["an object"] * len(SCENES), SCENES)
    assert (vague["faithful"], vague["hallucination"], vague["informativeness"]) == (1, 0, 0)


def test_malformed_captions_stay_in_every_denominator():
    scores = scores_of([*SENTENCES[:12], *["a a a"] * 12], SCENES)
    assert set(scores.values()) == {0.5}


def test_false_captions_say_what_is_false():
    scores = scores_of(["a small red circle above a large blue square"], [Scene(32, SCENES[0].objects)])
    assert scores["exact_match"] == scores["faithful"] == 0
    assert scores["well_formed"] == 1


def test_captions_in_any_of_the_languages_are_read():
    chinese = [Grammar("zh").describe(scene, Random(0)) for scene in SCENES]
    metric = CaptionAccuracy(("en", "zh"))
    metric.update(SENTENCES + chinese, SCENES * 2)
    assert metric.compute()["exact_match"] == 1
    assert scores_of(chinese, SCENES)["well_formed"] == 0


def test_batches_add_up():
    whole, parts = SceneAccuracy(WORLD), SceneAccuracy(WORLD)
    images = render(SCENES).roll(1, dims=0)
    whole.update(images, SENTENCES)
    for start in range(0, 24, 7):
        parts.update(images[start : start + 7], SENTENCES[start : start + 7])
    assert whole.compute() == parts.compute()
    whole.reset()
    whole.update(render(SCENES), SENTENCES)
    assert whole.compute()["scene_accuracy"] == 1


def test_a_world_may_be_given_as_a_data_spec_carries_it():
    metric = SceneAccuracy(WORLD.to_dict())
    metric.update(render(SCENES), SENTENCES)
    assert metric.compute()["scene_accuracy"] == 1


def test_metrics_can_be_copied_and_pickled():
    for metric in (SceneAccuracy(WORLD), CaptionAccuracy()):
        assert type(copy.deepcopy(metric)) is type(metric)
        assert type(pickle.loads(pickle.dumps(metric))) is type(metric)
