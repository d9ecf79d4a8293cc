"""Generators and captioners whose truth is known: oracles, the deaf, the blind, and two who share a mistake."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.evaluation.captioning.captioned import evaluate_captioning
from diptych.evaluation.cycle import evaluate_cycle
from diptych.evaluation.generation.generated import GeneratedImages, evaluate_generation, generate_held_out
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.evaluation.scene_accuracy import silently
from diptych.systems.captioning.system import Caption
from diptych.types import Scene
from diptych.world import meaning, render, split_of

NUM = 24
SWAP = {"red": "green", "green": "red", "blue": "yellow", "yellow": "blue", "magenta": "cyan", "cyan": "magenta"}
PROTOCOL = {"seed": 0}


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return take_held_out(compose(["data=scenes_demo", "data.batch_size=16"]), data=None, split="test", num=NUM)


def generator_of(generate) -> SimpleNamespace:
    """A generator whose picture of a sentence is what `generate` renders."""

    def tensors(sentences, *, num_images, seed):
        return torch.cat([generate(sentence).expand(num_images, -1, -1, -1) for sentence in sentences])

    return SimpleNamespace(sample=tensors, cut=str, system=SimpleNamespace(text_encoder=object()))


def oracle(held_out: HeldOut) -> SimpleNamespace:
    scenes = dict(zip(held_out.sentences, held_out.true_scenes(), strict=True))
    return generator_of(lambda sentence: render([scenes[sentence]]))


def swapped(scene: Scene) -> Scene:
    return replace(scene, objects=tuple(replace(o, colour=SWAP[o.colour]) for o in scene.objects))


def captions_of(texts) -> list[Caption]:
    return [Caption(text, -0.1, tuple(text.split()), None) for text in texts]


def captioner() -> SimpleNamespace:
    """Costs one nat a token whatever is said."""
    return SimpleNamespace(nats_per_token=lambda pictures, sentences: 1.0)


def values(evaluation) -> dict[str, float | None]:
    return {figure.name: figure.value for figure in evaluation.figures}


def generated_by(generator, held_out) -> GeneratedImages:
    return generate_held_out(generator, held_out, seed=0, track=silently)


def test_an_oracle_generates_nothing_but_the_truth(held_out):
    evaluation = evaluate_generation(generated_by(oracle(held_out), held_out), held_out, PROTOCOL, silently)
    figures = values(evaluation)
    assert figures["fully true"] == figures["legible"] == figures["judge right on true renders"] == 1
    assert evaluation.reasons == {}
    assert evaluation.figure("fully true").floor < 0.1
    assert figures["energy distance"] <= 0


def test_a_deaf_generator_is_no_better_than_its_floor(held_out):
    always = render([held_out.true_scenes()[0]])
    evaluation = evaluate_generation(
        generated_by(generator_of(lambda sentence: always), held_out), held_out, PROTOCOL, silently
    )
    true = evaluation.figure("fully true")
    assert true.value == pytest.approx(true.floor)
    assert true.value < 0.1
    assert sum(evaluation.reasons.values()) == round(NUM * (1 - true.value))


def test_a_wrong_colour_is_blamed_on_the_colour(held_out):
    scenes = dict(zip(held_out.sentences, held_out.true_scenes(), strict=True))
    wrong = generator_of(lambda sentence: render([swapped(scenes[sentence])]))
    evaluation = evaluate_generation(generated_by(wrong, held_out), held_out, PROTOCOL, silently)
    figures = values(evaluation)
    assert figures["fully true"] == 0
    assert figures["shape right"] == figures["size right"] == figures["count right"] == 1
    assert evaluation.reasons == {"colour": NUM}
    assert all(example.failed for example in evaluation.examples)


def test_the_datas_own_sentences_are_told_exactly(held_out):
    evaluation = evaluate_captioning(captioner(), captions_of(held_out.sentences), held_out, PROTOCOL)
    figures = values(evaluation)
    assert figures["exactly true"] == figures["well formed"] == 1
    assert evaluation.figure("exactly true").floor < 0.1
    assert figures["perplexity"] == pytest.approx(torch.e)
    assert not any(example.failed for example in evaluation.examples)


def test_other_words_for_the_same_scene_are_as_true(held_out):
    evaluation = evaluate_captioning(captioner(), captions_of([r[1] for r in held_out.references]), held_out, PROTOCOL)
    assert values(evaluation)["exactly true"] == 1


def test_a_caption_that_is_no_sentence_counts_as_false(held_out):
    texts = ["two red red circle", *held_out.sentences[1:]]
    evaluation = evaluate_captioning(captioner(), captions_of(texts), held_out, PROTOCOL)
    assert values(evaluation)["exactly true"] == pytest.approx(1 - 1 / NUM)
    assert evaluation.reasons == {"not a sentence": 1}


def test_two_who_share_a_mistake_agree_and_are_found_out(held_out):
    scenes = dict(zip(held_out.sentences, held_out.true_scenes(), strict=True))
    generator = generator_of(lambda sentence: render([swapped(scenes[sentence])]))
    generated = generated_by(generator, held_out)
    captions = {"generated": captions_of(held_out.sentences), "real": captions_of(held_out.sentences)}
    figures = values(evaluate_cycle(generator, generated, captions, held_out, PROTOCOL, silently))
    assert figures["told back as asked"] == 1
    assert figures["judged true"] == 0
    assert figures["told as asked though judged false"] == 1
    assert figures["told as the judge reads it"] == 0
    assert figures["picture, told, generated: true"] == 0


def test_two_oracles_close_the_loop(held_out):
    generator = oracle(held_out)
    captions = {"generated": captions_of(held_out.sentences), "real": captions_of(held_out.sentences)}
    evaluation = evaluate_cycle(generator, generated_by(generator, held_out), captions, held_out, PROTOCOL, silently)
    figures = values(evaluation)
    assert figures["told back as asked"] == figures["judged true"] == figures["picture, told, generated: true"] == 1
    assert evaluation.figure("told as asked though judged false").n == 0
    assert evaluation.figure("told back as asked").floor < 0.1


def test_held_out_sentences_are_complete_and_never_trained_on(held_out):
    claims = held_out.meanings()
    assert all(claim.exact_for(scene) for claim, scene in zip(claims, held_out.true_scenes(), strict=True))
    assert {split_of(scene) for scene in held_out.true_scenes()} == {"test"}
    again = take_held_out(compose(["data=scenes_demo"]), data=None, split="test", num=NUM)
    assert again.sentences == held_out.sentences


def test_an_endless_world_has_as_many_held_out_scenes_as_are_asked_for():
    more = take_held_out(compose(["data=scenes_demo", "data.test_size=8"]), data=None, split="test", num=20)
    assert len(more) == 20


def test_the_run_s_own_data_are_called_as_in_its_configuration(held_out):
    assert held_out.name == "scenes_demo"
    config = {key: value for key, value in compose(["data=scenes_demo"]).items() if key != "data_name"}
    assert take_held_out(config, data=None, split="test", num=2).name == "scenes"


def test_what_is_set_in_the_data_is_done_and_recorded(held_out):
    config, overrides = compose(["data=scenes_demo"]), ["data.world.side=64", "data.languages=[zh]"]
    for data in (None, "scenes_demo"):
        other = take_held_out(config, data=data, split="test", num=2, overrides=overrides)
        assert (other.name, other.overrides) == ("scenes_demo", overrides)
        assert (other.spec.image_size, other.spec.languages) == (64, ("zh",))
    assert not held_out.overrides


@pytest.mark.parametrize(
    ("data", "override", "says"),
    [
        (None, "data.sides=64", r"data\.sides=64: .*ScenesData has no such argument"),
        ("digits", "data.sides=64", r"there is no data\.sides to set"),
        (None, "seed=1", "'seed=1' sets no key of the data"),
        (None, "data.world", r"'data\.world' sets no key of the data"),
        ("nowhere", "data.root=.", "nowhere is neither a folder nor one of digits, folder"),
    ],
)
def test_what_cannot_be_set_in_the_data_is_refused(data, override, says):
    with pytest.raises(UserError, match=says):
        take_held_out(compose(["data=scenes_demo"]), data=data, split="test", num=2, overrides=[override])


@pytest.mark.parametrize("name", ["digits"])
def test_data_without_scenes_say_which_figures_do_not_exist(name):
    digits = take_held_out(compose(["data=scenes_demo"]), data=name, split="val", num=12)
    generator = generator_of(lambda sentence: digits.images[:1])
    generated = generated_by(generator, digits)
    by_generator = evaluate_generation(generated, digits, PROTOCOL, silently)
    assert by_generator.figure("fully true").value is None
    assert "no exact scenes" in by_generator.figure("fully true").note
    by_captioner = evaluate_captioning(captioner(), captions_of([r[-1] for r in digits.references]), digits, PROTOCOL)
    assert by_captioner.figure("exactly true").value is None
    assert by_captioner.figures[0].value == 1
    captions = {"generated": captions_of(digits.sentences), "real": captions_of(digits.sentences)}
    loop = evaluate_cycle(generator, generated, captions, digits, PROTOCOL, silently)
    assert loop.figure("told back as asked").value == 1
    assert loop.figure("judged true").value is None


def test_a_generator_without_sentences_is_not_held_against_any(held_out):
    system = SimpleNamespace(text_encoder=None, generate=lambda sentences, num_images, seed: held_out.images)
    generated = generated_by(SimpleNamespace(system=system), held_out)
    evaluation = evaluate_generation(generated, held_out, PROTOCOL, silently)
    assert evaluation.figure("fully true").value is None
    assert {example.sentence for example in evaluation.examples} == {""}


def test_meaning_reads_every_language_of_the_data(held_out):
    assert meaning(held_out.sentences[0], ("zh", "en")) == meaning(held_out.sentences[0], ("en",))
    assert meaning("nothing of the kind", ("zh", "en")) is None


def test_the_page_on_evaluation_names_every_figure(held_out, repository):
    page = (repository / "docs" / "evaluation.md").read_text(encoding="utf-8")
    generator = oracle(held_out)
    generated = generated_by(generator, held_out)
    told = captions_of(held_out.sentences)
    evaluations = (
        evaluate_generation(generated, held_out, PROTOCOL, silently),
        evaluate_captioning(captioner(), told, held_out, PROTOCOL),
        evaluate_cycle(generator, generated, {"generated": told, "real": told}, held_out, PROTOCOL, silently),
    )
    names = {figure.name for evaluation in evaluations for figure in evaluation.figures}
    assert not {name for name in names if f"`{name}`" not in page}
