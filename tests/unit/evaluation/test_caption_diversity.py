from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from contexts import captioner_of, context_of

from diptych.cli.main import main
from diptych.config import UserError
from diptych.evaluation.caption_diversity.benchmark import CaptionDiversity
from diptych.evaluation.caption_diversity.curves import diversity_curve, diversity_curves
from diptych.evaluation.caption_diversity.request import TEMPERATURES, DiversityRequest
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import read_all, save
from diptych.types import SPECIAL_TOKENS, DataSpec, Scene, SceneObject
from diptych.world import WorldSpec

WORLD = WorldSpec()
SCENES = DataSpec("scenes", 32, 3, (*SPECIAL_TOKENS, "a"), 20, world=WORLD.to_dict())
PHOTOS = DataSpec("photos", 8, 3, (*SPECIAL_TOKENS, "a"), 20)
TRUE = (
    "a small red circle is left of a large blue square",
    "a large blue square is right of a small red circle",
)
FALSE = "a small red circle is right of a large blue square"


def scenes(number: int) -> HeldOut:
    """The same scene again and again."""
    things = (SceneObject("circle", "red", "small", 8, 16, 4.0), SceneObject("square", "blue", "large", 24, 16, 5.5))
    references = [TRUE] * number
    return HeldOut("scenes", "test", SCENES, torch.zeros(number, 3, 32, 32), references, [Scene(32, things)] * number)


def photos(number: int) -> HeldOut:
    references = [(f"a dog number {i} runs over green grass", f"dog {i} on the grass today") for i in range(number)]
    return HeldOut("photos", "test", PHOTOS, torch.zeros(number, 3, 8, 8), references, [None] * number)


def sampler(say):
    """A captioner that says `say(image, seed, temperature)`."""

    def sampled_captions(pictures, *, seed, temperature=1.0, **options):
        return (SimpleNamespace(text=say(i, seed, temperature)) for i in range(len(pictures)))

    return captioner_of(iter, samples_captions=True, sampled_captions=sampled_captions, data_spec=SCENES)


def measured(subject, held_out, **asked):
    context = context_of(subject, held_out, diversity=DiversityRequest(**asked))
    return CaptionDiversity().measure(context)


def value(evaluation, key):
    return next(figure.value for figure in evaluation.figures if figure.key == key)


def test_a_true_caption_that_comes_twice_and_a_false_one_add_no_diversity():
    said = [TRUE[0], TRUE[0], TRUE[1], FALSE]
    result = measured(sampler(lambda i, seed, t: said[seed % 4]), scenes(12), num_samples=4, temperatures=[1.0])
    assert value(result, "exact_match_at_1") == 0.75
    assert value(result, "distinct_true_at_1") == 0.5


def test_one_true_caption_always_is_exact_and_as_little_varied_as_can_be():
    result = measured(sampler(lambda *_: TRUE[0]), scenes(12), num_samples=5, temperatures=[0.5, 1.0])
    for place in ("0.5", "1"):
        assert value(result, f"exact_match_at_{place}") == 1
        assert value(result, f"distinct_true_at_{place}") == pytest.approx(1 / 5)


def test_the_reference_is_of_as_many_of_the_datas_sentences():
    result = measured(sampler(lambda *_: FALSE), scenes(12), num_samples=2, temperatures=[1.0])
    assert result.figure("distinct_true_at_1").reference == 1
    assert value(result, "distinct_true_at_1") == 0
    assert measured(sampler(lambda *_: FALSE), scenes(12), num_samples=3).figure("distinct_true_at_1").reference is None


def test_the_curve_has_a_point_a_temperature_and_the_headline_is_the_most_varied_true_one(tmp_path: Path):
    def say(i, seed, temperature):
        return TRUE[seed % 2] if temperature == 1 else TRUE[0] if temperature < 1 else FALSE

    result = measured(sampler(say), scenes(12), num_samples=2, temperatures=[2.0, 1.0, 0.5])
    assert result.headline == ("exact_match_at_1", "distinct_true_at_1")
    points = [(p.temperature, p.diversity.value, p.exactness.value) for p in diversity_curve(result)]
    assert points == [(0.5, 0.5, 1.0), (1.0, 1.0, 1.0), (2.0, 0.0, 0.0)]
    save(result, tmp_path, "result")
    (kept,) = diversity_curves(read_all(tmp_path))
    assert [p.temperature for p in kept] == [0.5, 1.0, 2.0]


def test_without_truth_nearness_stands_against_how_far_captions_of_an_image_are_apart():
    def say(i, seed, temperature):
        return photos(12).references[i][0] if temperature < 1 else f"thing {seed} and {i} with {seed} words {seed + i}"

    result = measured(sampler(say), photos(12), num_samples=3, temperatures=[0.5, 1.5])
    assert value(result, "cider_d_at_0.5") > value(result, "cider_d_at_1.5")
    assert value(result, "self_bleu_at_0.5") == pytest.approx(1)
    assert value(result, "distinct_2_at_0.5") == pytest.approx(1 / 3)
    assert value(result, "distinct_2_at_1.5") > 0.75
    assert result.headline[0] == "cider_d_at_0.5"
    assert all(figure.interval for figure in result.figures)


def test_every_draw_has_a_seed_of_its_own_and_other_requests_draw_otherwise():
    seeds = []
    subject = sampler(lambda i, seed, t: seeds.append(seed) or TRUE[0])
    context = context_of(subject, scenes(2), diversity=DiversityRequest(3, [1.0]), seed=2)
    CaptionDiversity().measure(context)
    assert sorted(set(seeds)) == [6, 7, 8]


def test_latents_that_say_nothing_are_called_collapsed():
    subject = sampler(lambda *_: TRUE[0])
    subject.latents_told = lambda pictures, sentences: (0.01, 0)
    result = measured(subject, scenes(4), num_samples=2, temperatures=[1.0])
    assert "posterior collapse" in result.figure("latent_nats").finding
    subject.latents_told = lambda pictures, sentences: (2.5, 4)
    result = measured(subject, scenes(4), num_samples=2, temperatures=[1.0])
    assert result.figure("latent_nats").finding == ""
    assert value(result, "active_latents") == 4


def test_impossible_requests_are_refused():
    with pytest.raises(UserError, match="at least two"):
        DiversityRequest(1)
    for temperatures in ([], [-1.0], [float("nan")], [float("inf")]):
        with pytest.raises(UserError, match="--temperatures"):
            DiversityRequest(5, temperatures)
    assert DiversityRequest(5, [1.0, 0.5, 1.0]).temperatures == (0.5, 1.0)
    assert DiversityRequest().temperatures == TEMPERATURES


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--temperatures", "1"], "add --diversity"), (["--diversity", "3", "--temperatures", "hot"], "give numbers")],
)
def test_the_command_line_says_what_is_missing(words, said, capsys):
    assert main(["evaluate", "latest", *words]) != 0
    assert said in capsys.readouterr().err
