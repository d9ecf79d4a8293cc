"""Generators and captioners whose truth is known: oracles, the deaf, the blind, and two who share a mistake."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from contexts import captioner_of, context_of, generator_of

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.evaluation.captioning.benchmark import Captioning
from diptych.evaluation.cycle.benchmark import Cycle
from diptych.evaluation.generation.benchmark import Generation
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.evaluation.retrieval.benchmark import Retrieval
from diptych.reports.page.sections import evaluation_section
from diptych.systems.captioning.captions import Caption
from diptych.types import Scene
from diptych.world import meaning, render, split_of

NUM = 24
SWAP = {"red": "green", "green": "red", "blue": "yellow", "yellow": "blue", "magenta": "cyan", "cyan": "magenta"}


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return take_held_out(compose(["data=scenes_demo", "data.batch_size=16"]), data=None, split="test", num=NUM)


def oracle(held_out: HeldOut):
    scenes = dict(zip(held_out.sentences, held_out.true_scenes(), strict=True))
    return generator_of(lambda sentence: render([scenes[sentence]]))


def swapped(scene: Scene) -> Scene:
    return replace(scene, objects=tuple(replace(o, colour=SWAP[o.colour]) for o in scene.objects))


def captions_of(texts) -> list[Caption]:
    return [Caption(text, -0.1, tuple(text.split()), None) for text in texts]


def captioned(texts, held_out):
    """The table of a captioner that says just this."""
    captions = {
        image.numpy().tobytes(): caption for image, caption in zip(held_out.images, captions_of(texts), strict=True)
    }
    one = captioner_of(lambda pictures, beam: [captions[picture.numpy().tobytes()] for picture in pictures])
    return Captioning().measure(context_of(one, held_out))


def cycled(generator, texts, held_out):
    """The table of a generator with a captioner that says this, whatever it is shown."""

    def captions(pictures, beam):
        return captions_of(texts)

    return Cycle().measure(context_of(generator, held_out, captioner_of(captions)))


def values(evaluation) -> dict[str, float | None]:
    return {figure.key: figure.value for figure in evaluation.figures}


def generated_by(generator, held_out):
    """The generator's main table."""
    return Generation().measure(context_of(generator, held_out))


def test_an_oracle_generates_nothing_but_the_truth(held_out):
    evaluation = generated_by(oracle(held_out), held_out)
    figures = values(evaluation)
    assert figures["scene_accuracy"] == figures["legible"] == figures["judge_accuracy"] == 1
    assert evaluation.reasons == {}
    assert evaluation.figure("scene_accuracy").chance < 0.1
    assert figures["energy_distance"] <= 0


def test_a_deaf_generator_is_no_better_than_chance(held_out):
    always = render([held_out.true_scenes()[0]])
    evaluation = generated_by(generator_of(lambda sentence: always), held_out)
    true = evaluation.figure("scene_accuracy")
    assert true.value == pytest.approx(true.chance)
    assert true.value < 0.1
    assert sum(evaluation.reasons.values()) == round(NUM * (1 - true.value))


def test_a_wrong_colour_is_blamed_on_the_colour(held_out):
    scenes = dict(zip(held_out.sentences, held_out.true_scenes(), strict=True))
    wrong = generator_of(lambda sentence: render([swapped(scenes[sentence])]))
    evaluation = generated_by(wrong, held_out)
    figures = values(evaluation)
    assert figures["scene_accuracy"] == 0
    assert figures["right_shape"] == figures["right_size"] == figures["right_count"] == 1
    assert evaluation.reasons == {"colour": NUM}
    assert all(example.failed for example in evaluation.examples)


def test_the_datas_own_sentences_match_exactly(held_out):
    evaluation = captioned(held_out.sentences, held_out)
    figures = values(evaluation)
    assert figures["exact_match"] == figures["well_formed"] == 1
    assert evaluation.figure("exact_match").chance < 0.1
    assert figures["perplexity"] == pytest.approx(torch.e)
    assert not any(example.failed for example in evaluation.examples)


def test_other_words_for_the_same_scene_are_as_true(held_out):
    evaluation = captioned([r[1] for r in held_out.references], held_out)
    assert values(evaluation)["exact_match"] == 1


def test_a_caption_that_is_no_sentence_counts_as_false(held_out):
    texts = ["two red red circle", *held_out.sentences[1:]]
    evaluation = captioned(texts, held_out)
    assert values(evaluation)["exact_match"] == pytest.approx(1 - 1 / NUM)
    assert evaluation.reasons == {"not a sentence": 1}


def test_two_who_share_a_mistake_agree_and_are_found_out(held_out):
    scenes = dict(zip(held_out.sentences, held_out.true_scenes(), strict=True))
    generator = generator_of(lambda sentence: render([swapped(scenes[sentence])]))
    figures = values(cycled(generator, held_out.sentences, held_out))
    assert figures["cycle_accuracy"] == 1
    assert figures["scene_accuracy"] == 0
    assert figures["collusion_rate"] == 1
    assert figures["reading_match"] == 0
    assert figures["cycle_accuracy_image"] == 0


def test_two_oracles_close_the_loop(held_out):
    evaluation = cycled(oracle(held_out), held_out.sentences, held_out)
    figures = values(evaluation)
    assert figures["cycle_accuracy"] == figures["scene_accuracy"] == figures["cycle_accuracy_image"] == 1
    assert evaluation.figure("collusion_rate").n == 0
    assert evaluation.figure("cycle_accuracy").chance < 0.1


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
        ("nowhere", "data.root=.", "nowhere is neither a folder nor one of cifar10, coco"),
    ],
)
def test_what_cannot_be_set_in_the_data_is_refused(data, override, says):
    with pytest.raises(UserError, match=says):
        take_held_out(compose(["data=scenes_demo"]), data=data, split="test", num=2, overrides=[override])


@pytest.mark.parametrize("name", ["digits"])
def test_data_without_scenes_say_which_figures_do_not_exist(name):
    digits = take_held_out(compose(["data=scenes_demo"]), data=name, split="val", num=12)
    generator = generator_of(lambda sentence: digits.images[:1])
    by_generator = generated_by(generator, digits)
    assert by_generator.figure("scene_accuracy").value is None
    assert "no scenes to check exactly" in by_generator.figure("scene_accuracy").note
    assert "Nobody can say" in by_generator.lead
    by_captioner = captioned([r[-1] for r in digits.references], digits)
    assert by_captioner.figure("exact_match").value is None
    assert by_captioner.figures[0].value == 1
    cycle = cycled(generator, digits.sentences, digits)
    assert cycle.figure("cycle_accuracy").value == 1
    assert cycle.figure("scene_accuracy").value is None


@pytest.fixture
def photos(held_out) -> HeldOut:
    """Images that people captioned in their own words: no world, and references that are not complete."""
    spec = replace(held_out.spec, world=None)
    references = [(f"{r[0]} in the sun", f"here is {r[1]}") for r in held_out.references]
    return replace(held_out, spec=spec, scenes=[None] * NUM, references=references)


def test_of_photos_the_headline_is_how_near_words_are_to_people_s_and_nothing_is_stamped(photos):
    evaluation = captioned([texts[1] for texts in photos.references], photos)
    assert [figure.key for figure in evaluation.figures[:2]] == ["cider_d", "bleu_4"]
    assert [figure.key for figure in evaluation.mains] == ["cider_d", "bleu_4"]
    assert values(evaluation)["reference_match"] == 1
    assert not any(example.verdicts for example in evaluation.examples)
    assert "Nobody can say exactly" in evaluation.lead
    page = evaluation_section(evaluation)
    assert "chip" not in page
    assert "a person's: " in page


def test_of_photos_the_captions_that_are_farthest_from_people_s_are_kept_with_their_scores(photos):
    told = [texts[1] for texts in photos.references]
    wrong = [NUM - 1, NUM - 3]
    for place in wrong:
        told[place] = "nothing that anybody said"
    examples = captioned(told, photos).examples
    lowest = sorted(examples, key=lambda example: example.score[1])[:2]
    assert {example.index for example in lowest} == set(wrong)
    assert [example.score for example in lowest] == [("CIDEr-D", 0.0)] * 2
    assert [example.index for example in examples] == sorted({example.index for example in examples})


def test_of_photos_the_cycle_is_measured_by_words_and_likelihood(photos):
    generator = generator_of(lambda sentence: photos.images[:1])
    evaluation = cycled(generator, [texts[1] for texts in photos.references], photos)
    assert [figure.key for figure in evaluation.mains] == ["cycle_cider_d", "cycle_bleu_4"]
    figure = evaluation.figure("cycle_bleu_4")
    assert figure.value == figure.reference == pytest.approx(1)
    assert figure.chance < 0.5
    assert evaluation.figure("cycle_perplexity").value == pytest.approx(torch.e)
    assert evaluation.figures[-1].key == "scene_accuracy"
    assert not any(example.verdicts for example in evaluation.examples)


def retrieved(photos, nats, generated=None):
    """The table of a captioner to which sentence j costs `nats(image, j)`, given an image."""
    images = iter(photos.images if generated is None else generated)
    generator = generator_of(lambda sentence: next(images)[None])

    def sentence_nats(pictures, sentences):
        return torch.stack([torch.stack([nats(picture, j) for j in range(len(sentences))]) for picture in pictures])

    captioner = captioner_of(iter, sentence_nats=sentence_nats)
    return Retrieval().measure(context_of(generator, photos, captioner))


def test_a_captioner_that_recognises_images_finds_their_sentences_and_a_blind_one_is_at_chance(photos):
    def recognises(picture, j):
        return (picture - photos.images[j]).square().mean()

    (figure,) = retrieved(photos, recognises).figures
    assert (figure.value, figure.reference, figure.chance, figure.n) == (1, 1, 1 / NUM, NUM)
    (figure,) = retrieved(photos, recognises, photos.images.roll(1, 0)).figures
    assert (figure.value, figure.reference) == (0, 1)
    (figure,) = retrieved(photos, lambda picture, j: torch.tensor(float(j))).figures
    assert figure.value == pytest.approx(1 / NUM)


def test_a_captioner_that_the_generator_learned_from_is_named_first(photos, tmp_path):
    (tmp_path / "captioner.json").write_text('{"run": "some-run"}')
    generator = generator_of(lambda sentence: photos.images[:1], run=SimpleNamespace(run_id="g", parts=tmp_path))
    captioner = captioner_of(lambda pictures, beam: captions_of(photos.sentences))
    alert = Cycle().measure(context_of(generator, photos, captioner)).alert
    assert alert.startswith("trained on it: some-run was part of the generator's training")


def test_a_collapse_that_training_saw_is_said_where_the_examples_are_too_few_to_show_it(photos):
    run = SimpleNamespace(run_id="g", parts=Path("nowhere"), read_collapse=lambda: "collapsed: all alike")
    evaluation = generated_by(generator_of(lambda sentence: photos.images[:1], run=run), photos)
    assert "collapsed" in evaluation.alert
    few = replace(photos.only(range(4)), spare=None)
    said = generated_by(generator_of(lambda sentence: few.images[:1], run=run), few).alert
    assert said == "collapsed: all alike (at its last validation)"


def test_of_scenes_and_digits_the_headline_is_what_is_true(held_out):
    digits = take_held_out(compose(["data=scenes_demo"]), data="digits", split="val", num=12)
    for data, key in ((held_out, "exact_match"), (digits, "reference_match")):
        evaluation = captioned(["nothing of the kind"] * len(data), data)
        assert evaluation.main.key == key
        assert all(example.failed for example in evaluation.examples)


def test_a_generator_without_sentences_is_not_held_against_any(held_out):
    unconditional = generator_of(str, sample=lambda sentences, **_: held_out.images, takes_sentences=False)
    evaluation = generated_by(unconditional, held_out)
    assert evaluation.figure("scene_accuracy").value is None
    assert {example.sentence for example in evaluation.examples} == {""}


def test_meaning_reads_every_language_of_the_data(held_out):
    assert meaning(held_out.sentences[0], ("zh", "en")) == meaning(held_out.sentences[0], ("en",))
    assert meaning("nothing of the kind", ("zh", "en")) is None


def test_the_page_on_evaluation_names_every_figure(held_out, repository):
    page = (repository / "docs" / "evaluation.md").read_text(encoding="utf-8")
    sentences = held_out.sentences
    evaluations = (
        generated_by(oracle(held_out), held_out),
        captioned(sentences, held_out),
        cycled(oracle(held_out), sentences, held_out),
    )
    figures = [figure for evaluation in evaluations for figure in evaluation.figures]
    assert not {text for figure in figures for text in (figure.key, figure.name) if f"`{text}`" not in page}
