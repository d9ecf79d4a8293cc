from random import Random

import pytest

from diptych.metrics.compatibility import true_of_scenes
from diptych.world import Grammar, WorldSpec, scene_at


def scenes_and_sentences(language: str, complete: bool, **spec):
    grammar, world = Grammar(language), WorldSpec(**spec)
    scenes = [scene_at(world, "train", 1, i) for i in range(40)]
    return scenes, [grammar.describe(scene, Random(i), complete=complete) for i, scene in enumerate(scenes)]


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_ruling_out_in_bits_agrees_with_the_exact_test(language: str, complete: bool):
    scenes, sentences = scenes_and_sentences(language, complete, min_objects=1, max_objects=4, side=64)
    claims = [Grammar(language).parse(sentence) for sentence in sentences]
    expected = [[claim is not None and claim.entailed_by(scene) for claim in claims] for scene in scenes]
    assert true_of_scenes(sentences, scenes, ("en", "zh")).tolist() == expected


def test_a_sentence_is_true_of_the_scene_it_tells():
    scenes, sentences = scenes_and_sentences("en", complete=True)
    assert true_of_scenes(sentences, scenes).diagonal().all()


def test_what_no_grammar_reads_is_true_of_nothing():
    scenes, sentences = scenes_and_sentences("en", complete=True)
    assert not true_of_scenes(["colourless green ideas", "", sentences[0]], scenes)[:, :2].any()
