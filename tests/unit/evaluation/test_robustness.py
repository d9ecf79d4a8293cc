"""Robustness of generators and captioners that understand certain things and no others."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from byheart import judging_by_heart, render
from contexts import captioner_of, context_of, run_of

from diptych.config.composition import compose
from diptych.evaluation.batch_invariance import caption_invariance, image_invariance
from diptych.evaluation.generation.generated import generate_held_out
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.evaluation.progress import silently
from diptych.evaluation.robustness.captioning import CaptioningRobustness
from diptych.evaluation.robustness.generation import GenerationRobustness
from diptych.evaluation.robustness.image_corruptions import picture_conditions
from diptych.evaluation.robustness.sentence_perturbations import sentence_conditions
from diptych.systems.captioning.captions import Caption
from diptych.text import tokenizer_of
from diptych.types import Scene
from diptych.world import Grammar, Relation, meaning

NUM = 16
ENGLISH = Grammar()


@pytest.fixture(autouse=True, scope="module")
def _judge_who_knows_renderings():
    with judging_by_heart():
        yield


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return take_held_out(compose(["data=scenes_demo", "data.batch_size=16"]), data=None, split="test", num=NUM)


def generator(held_out: HeldOut, generate) -> SimpleNamespace:
    """Reads sentences as the data's generators do; `generate` makes a scene of one."""

    def generated(sentences, *, num_images=1, seed=0, batch_size=64):
        return torch.cat([render([generate(sentence)] * num_images) for sentence in sentences])

    tokenizer = tokenizer_of(held_out.spec)
    return run_of(
        sample=generated,
        tokenizer=tokenizer,
        takes_sentences=True,
        data_spec=held_out.spec,
        cut=lambda sentence: tokenizer.join(tokenizer.split(sentence)[: held_out.spec.max_length - 2]),
    )


def scholar(held_out: HeldOut) -> SimpleNamespace:
    """Generates what the English grammar reads, however it is said, and nothing else."""
    scenes = {}
    for scene, claims in zip(held_out.true_scenes(), held_out.meanings(), strict=True):
        scenes[claims] = scene

    def generate(sentence: str) -> Scene:
        claims = ENGLISH.parse(sentence)
        fitting = (scene for scene in scenes.values() if claims and claims.exact_for(scene))
        return next(fitting, Scene(32, ()))

    return generator(held_out, generate)


@pytest.fixture(scope="module")
def by_scholar(held_out):
    return GenerationRobustness().measure(context_of(scholar(held_out), held_out, robustness=True))


def test_who_understands_the_grammar_is_moved_by_no_paraphrase(by_scholar):
    for name in ("paraphrase.scene_accuracy", "other_object_first.scene_accuracy"):
        figure = by_scholar.figure(name)
        assert (figure.value, figure.reference, figure.n) == (1, 1, NUM)
        assert figure.finding.startswith("+0.0 points")


def test_who_understands_nothing_else_is_moved_by_everything_else(by_scholar):
    for name in ("typo.scene_accuracy", "wrong_language.scene_accuracy"):
        figure = by_scholar.figure(name)
        assert (figure.value, figure.reference) == (0, 1)
        assert figure.finding.startswith("-100.0 points")
        assert "legible 0.0 %, before 100.0 %" in figure.finding


def test_without_its_meaning_a_sentence_is_only_compared_with_itself(by_scholar):
    for name in ("word_order.same_scene", "unknown_word.same_scene"):
        figure = by_scholar.figure(name)
        assert figure.value < 0.3
        assert figure.chance < 0.3
        assert figure.reference is None
        assert "nobody can say" in figure.finding


def test_hits_stand_at_the_places_of_their_examples(by_scholar, held_out):
    assert list(by_scholar.clusters) == held_out.contents
    for figure in by_scholar.figures:
        assert len(figure.hits) == NUM
        assert sum(mark != "-" for mark in figure.hits) == figure.n


def test_conditions_keep_the_meaning_where_they_say_so(held_out):
    one = scholar(held_out)
    for condition in sentence_conditions(one, held_out, 0):
        again = next(c for c in sentence_conditions(one, held_out, 0) if c.name == condition.name)
        assert condition == again
        for sentence, before, claims in zip(condition.sentences, held_out.sentences, held_out.meanings(), strict=True):
            assert sentence != before
            if condition.name == "paraphrase":
                assert meaning(sentence, ["en"]) == claims
            if condition.name == "told from the other object":
                said = meaning(sentence, ["en"])
                assert said.mentions == claims.mentions[::-1]
                assert all(said.entailed_by(s) == claims.entailed_by(s) for s in held_out.true_scenes())
            if condition.name == "wrong language":
                assert meaning(sentence, ["en"]) is None


def test_sentences_that_would_be_too_long_are_left_out(held_out):
    short = replace(held_out.spec, max_length=max(len(s.split()) for s in held_out.sentences) + 2)
    one = generator(replace(held_out, spec=short), lambda sentence: Scene(32, ()))
    further = next(c for c in sentence_conditions(one, held_out, 0) if c.name == "further unknown word")
    assert None in further.sentences


def test_a_captioner_is_compared_with_itself_before(held_out):
    texts = {image.numpy().tobytes(): text for image, text in zip(held_out.images, held_out.sentences, strict=True)}

    def said(picture) -> Caption:
        text = texts.get(picture.numpy().tobytes(), "a red circle above a blue square")
        return Caption(text, 0.0, tuple(text.split()), None)

    captioner = captioner_of(lambda pictures, beam: [said(picture) for picture in pictures])
    table = CaptioningRobustness().measure(context_of(captioner, held_out, robustness=True))
    assert table.figure("undisturbed.exact_match").value == 1
    for name in ("noise_0_1", "blur_1_2_px", "jpeg_75", "crop"):
        figure = table.figure(f"{name}.exact_match")
        assert (figure.group, figure.score) == (name, "exact_match")
        assert (figure.value, figure.reference) == (0, 1)
    assert table.figure("crop.exact_match").n <= NUM


@pytest.mark.parametrize("cares", [False, True])
def test_pictures_that_depend_on_how_many_are_generated_at_once_are_found_out(held_out, cares):
    one = scholar(held_out)
    usual = generate_held_out(one, held_out, seed=0, track=silently)
    generate = one.sample
    if cares:
        one.sample = lambda sentences, **how: generate(sentences[::-1] if how.get("batch_size") else sentences, **how)
    figure = image_invariance(one, usual, held_out, seed=0)
    assert figure.n == len(set(held_out.sentences))
    assert (figure.value == 1) is not cares
    assert ("0 of" in figure.note) is not cares


@pytest.mark.parametrize("cares", [False, True])
def test_captions_that_depend_on_how_many_are_captioned_at_once_are_found_out(held_out, cares):
    def said(number: int) -> Caption:
        return Caption(f"caption {number}", 0.0, (), None)

    def captions(pictures, beam):
        return [said(len(pictures) if cares else 0) for _ in pictures]

    figure = caption_invariance(SimpleNamespace(captions=captions), captions(range(NUM), 1), held_out, {"beam": 1})
    assert (figure.n, figure.value) == (NUM, 0 if cares else 1)


def test_picture_conditions_disturb_pictures_and_nothing_else(held_out):
    for condition in picture_conditions(held_out, 0):
        before = held_out.images[list(condition.places)]
        assert condition.images.shape == before.shape
        assert condition.images.abs().max() <= 1
        assert 0 < (condition.images - before).square().mean() < 0.2


def test_a_row_is_turned_as_a_whole():
    from diptych.world.prompts import turned

    spec = take_held_out(compose(["data=scenes64"]), data=None, split="test", num=24)
    for claims, scene in zip(spec.meanings(), spec.true_scenes(), strict=True):
        if claims.relations:
            assert turned(claims).entailed_by(scene)
            assert turned(turned(claims)) == claims
            assert all(isinstance(relation, Relation) for relation in turned(claims).relations)
