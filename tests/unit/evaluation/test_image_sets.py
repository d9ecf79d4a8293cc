"""Generators whose pictures are known as sets: true, collapsed, blurred."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.evaluation.generation.features import feature_network, look, protocol_of
from diptych.evaluation.generation.image_sets import NAMES, Sets, compared_sets, figures_of, why_without_variety
from diptych.evaluation.generation.reference_set import ReferenceSet, reference_set
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.evaluation.progress import silently
from diptych.evaluation.results import Figure
from diptych.models.features import ModuleFeatures, RandomFeatures

NUM = 200
SMALL = RandomFeatures(dim=16)


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    config = compose(["data=scenes_demo", "data.batch_size=64"])
    return take_held_out(config, data=None, split="test", num=NUM, spare=NUM)


def evaluated(images, held_out, network=SMALL, **settings):
    """Every figure by its key."""
    return {figure.key: figure for figure in compared(images, held_out, network, **settings).figures}


def compared(images, held_out, network=SMALL, **settings):
    return compared_sets(images, held_out, network, seed=0, track=silently, **settings)


def test_spare_pictures_are_others_than_those_that_are_asked_for(held_out):
    assert len(held_out) == len(held_out.spare) == NUM
    longer = take_held_out(compose(["data=scenes_demo"]), data=None, split="test", num=2 * NUM)
    torch.testing.assert_close(torch.cat([held_out.images, held_out.spare]), longer.images)


def test_true_pictures_reach_every_reference_exactly(held_out):
    figures = evaluated(held_out.images, held_out).values()
    assert len(figures) == 9
    assert all(figure.value == figure.reference and figure.n == NUM for figure in figures)
    assert NAMES.items() <= {figure.key: figure.name for figure in figures}.items()


def test_a_collapsed_generator_is_far_away_without_recall_or_variety(held_out):
    result = evaluated(held_out.images[:1].repeat(NUM, 1, 1, 1), held_out)
    for name, factor in (("frechet_distance", 5), ("kernel_distance", 5)):
        assert result[name].value > factor * abs(result[name].reference)
    assert result["recall"].value < 0.05
    assert result["vendi_score"].value == pytest.approx(1)
    assert result["ms_ssim_diversity"].value == pytest.approx(0, abs=1e-4)


def test_a_set_that_lost_its_variety_is_called_collapsed_before_anything_else(held_out):
    noise = 0.1 * torch.randn(held_out.images.shape, generator=torch.Generator().manual_seed(0))
    for images in (held_out.images[:1].repeat(NUM, 1, 1, 1), noise):
        assert compared(images, held_out).alert.startswith("collapsed: ")
    assert "recall is 0.0 % (of real images" in compared(noise, held_out).alert
    assert "the Vendi score is 1.0" in compared(held_out.images[:1].repeat(NUM, 1, 1, 1), held_out).alert
    assert compared(held_out.images, held_out).alert == ""


def test_precision_and_density_stand_beside_recall_and_coverage_only(held_out):
    figures = evaluated(held_out.images.roll(1, 0), held_out)
    keys = [key for key in figures if key in ("recall", "precision", "coverage", "density")]
    assert keys == ["recall", "precision", "coverage", "density"]
    for key, other in (("precision", "recall"), ("density", "coverage")):
        assert figures[key].finding == f"beside {other} {100 * figures[other].value:.1f} %"


@pytest.mark.parametrize(
    ("recall", "vendi", "is_collapsed"),
    [
        ((0.0, 0.9), (5.0, 6.0), True),
        ((0.0, 0.0), (5.0, 6.0), False),  # real images have none either: the network cannot tell
        ((0.02, 0.9), (5.0, 6.0), True),
        ((0.2, 0.9), (1.02, 6.0), True),
        ((0.2, 0.9), (1.02, 1.3), False),  # of a network to which all images look alike
        ((0.2, 0.9), (None, None), False),
    ],
)
def test_collapse_is_read_against_what_real_images_reach(recall, vendi, is_collapsed):
    figures = [Figure(key, one, reference=ref) for key, (one, ref) in {"recall": recall, "vendi_score": vendi}.items()]
    assert bool(why_without_variety(figures)) == is_collapsed
    assert why_without_variety([]) == ""


def test_blur_is_seen(held_out):
    result = evaluated(nn.functional.avg_pool2d(held_out.images, 5, 1, 2), held_out)
    assert result["frechet_distance"].value > 2 * result["frechet_distance"].reference
    assert result["recall"].value < result["recall"].reference


def test_every_figure_says_how_it_was_measured(held_out):
    result = evaluated(held_out.images, held_out)
    for figure in result.values():
        assert figure.protocol == {
            "n_generated": NUM,
            "n_real": NUM,
            "dim": 16,
            "network": "random-0",
            "weights": protocol_of(SMALL)["weights"],
            "resize": "bilinear, antialiased, to 32 px",
            "pixel_range": "[-1, 1]",
            "seed": 0,
        }


def test_fewer_than_ten_pictures_a_dimension_have_no_frechet_distance_unless_forced(held_out):
    network = RandomFeatures(dim=24)
    figure = evaluated(held_out.images, held_out, network)["frechet_distance"]
    assert figure.value is None
    assert "--num 240 or more, or --force" in figure.note
    assert evaluated(held_out.images, held_out, network, force=True)["frechet_distance"].value >= 0


def test_a_small_split_of_photos_says_how_many_images_it_takes_and_where_they_are(held_out):
    photos = replace(held_out, spec=replace(held_out.spec, world=None), available=NUM, spare=held_out.images[:0])
    note = evaluated(photos.images, photos, RandomFeatures(dim=128))["frechet_distance"].note
    assert "of 100 images in 128 dimensions it is mostly bias: it takes 1,280, ten a dimension" in note
    assert "(below 129 covariances are singular): --against train, a folder of pictures or a saved file" in note
    assert note.endswith("--features random takes 640, or --force")
    few = replace(photos, images=photos.images[:9])
    assert (
        "4 real images are too few; it takes 40 of each; --against train"
        in evaluated(few.images, few)["frechet_distance"].note
    )


def test_named_real_images_take_the_place_of_the_split_s_others(held_out):
    words = {"data": "photos", "read": "centre square, 32 px", "description": ""}
    real = reference_set(torch.cat([held_out.images, held_out.spare]), SMALL, track=silently, **words)
    figures = evaluated(held_out.images[:170], held_out, real=real)
    assert figures["frechet_distance"].protocol["against"]["data"] == "photos"
    assert (figures["frechet_distance"].n, figures["recall"].n) == (170, 170)
    assert figures["frechet_distance"].protocol["n_real"] == 2 * NUM
    assert figures["recall"].reference == 1  # the true images are among them
    few = evaluated(held_out.images, held_out, real=ReferenceSet(real.vectors[:90], {}))["frechet_distance"]
    assert "of 90 images in 16 dimensions" in few.note
    assert "--against train, a folder of pictures or a saved file" in few.note


def test_a_split_without_spare_pictures_is_cut_into_halves(held_out):
    result = evaluated(held_out.images, replace(held_out, spare=held_out.images[:0]))
    assert {figure.n for figure in result.values()} == {0, NUM // 2}
    assert "of 100 images in 16 dimensions" in result["frechet_distance"].note


def test_a_handful_of_pictures_is_no_set(held_out):
    few = replace(held_out, images=held_out.images[:12], spare=None)
    result = evaluated(few.images, few)
    assert list(result) == ["frechet_distance"]
    assert "6 generated and 6 real images are too few" in result["frechet_distance"].note


def test_pictures_that_the_network_does_not_see_have_no_vendi_score(held_out):
    vectors = torch.randn(3, NUM, 4, generator=torch.Generator().manual_seed(0))
    vectors[0, :7] = 0
    generated, true, real = vectors
    sets = Sets(held_out.images, held_out.images, generated, true, ReferenceSet(real, {}), seed=0)
    (figure,) = (figure for figure in figures_of(sets) if figure.key == "vendi_score")
    assert figure.value is None
    assert "7 of 200 vectors are zero or not finite" in figure.note


def test_batches_never_change_what_is_seen(held_out, monkeypatch):
    whole = look(SMALL, held_out.images, track=silently, description="")
    monkeypatch.setattr("diptych.evaluation.generation.features.PICTURES_AT_ONCE", 7)
    torch.testing.assert_close(look(SMALL, held_out.images, track=silently, description=""), whole, rtol=0, atol=1e-5)


def test_the_network_is_the_one_named_else_the_run_s_own_else_the_random_one():
    assert feature_network(None, {}).name == "random-0"
    assert feature_network("random", {}).name == "random-0"
    own = compose(["data=digits", "features.seed=3"])
    assert feature_network(None, own).name == "random-3"


def test_one_s_own_network_must_be_wrapped():
    node = {"_target_": "torch.nn.Identity"}
    with pytest.raises(UserError, match=r"features\._target_=torch\.nn\.Identity is no FeatureNetwork: wrap it"):
        feature_network(None, {"features": node}, None)
    wrapped = {"_target_": "diptych.models.features.ModuleFeatures", "module": node, "name": "pixels"}
    assert isinstance(feature_network(None, {"features": wrapped}), ModuleFeatures)


def test_a_network_or_run_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    with pytest.raises(UserError, match="there is no run 'incption'"):
        feature_network("incption", {})
