"""The judge reads pictures of the world exactly and refuses others."""

from collections import Counter
from dataclasses import replace
from itertools import product
from random import Random

import pytest
import torch
from torch import Tensor

from diptych.types import Scene, SceneObject
from diptych.world import (
    COLOURS,
    INVERSE,
    PALETTE,
    SHAPES,
    Constraints,
    Grammar,
    Judge,
    WorldSpec,
    judge_accuracy,
    render,
    sample_scene,
)
from diptych.world.description import describe_fully
from diptych.world.perturbations import blurred
from diptych.world.sampling import GAP
from diptych.world.shapes import HALF_EXTENTS
from diptych.world.spec import RADII_AT_32

PAIRS = WorldSpec()
CROWDS = WorldSpec(min_objects=1, max_objects=4, side=64)
NUMBER = 48
SCENES = [sample_scene(PAIRS, Random(seed)) for seed in range(NUMBER)]
CLAIMS = [describe_fully(scene, Random(0)) for scene in SCENES]
JUDGE = Judge(PAIRS)


def reasons(images: Tensor, claims: list[Constraints] = CLAIMS) -> Counter[str]:
    return Counter(verdict.reason for verdict in JUDGE.verdicts(images, claims))


def with_first(scene: Scene, **changes: str) -> Scene:
    return replace(scene, objects=(replace(scene.objects[0], **changes), *scene.objects[1:]))


def after(words: tuple[str, ...], word: str, steps: int = 1) -> str:
    return words[(words.index(word) + steps) % len(words)]


@pytest.mark.parametrize("blur", [0.0, 0.6])
def test_fresh_pictures_of_two_objects_are_read_exactly(blur: float):
    assert judge_accuracy(PAIRS, num=400, seed=1, blur=blur) >= 0.995


@pytest.mark.parametrize("blur", [0.0, 0.6])
def test_fresh_pictures_of_up_to_four_objects_are_read_exactly(blur: float):
    assert judge_accuracy(CROWDS, num=50, seed=1, blur=blur) == 1


def test_places_and_radii_are_read_to_a_tenth_of_a_pixel():
    for scene, reading in zip(SCENES, JUDGE.read(render(SCENES)), strict=True):
        for thing in scene.objects:
            found = min(reading.scene.objects, key=lambda o, t=thing: abs(o.x - t.x) + abs(o.y - t.y))
            assert abs(found.x - thing.x) < 0.1
            assert abs(found.y - thing.y) < 0.1
            assert abs(found.radius - thing.radius) < 0.1


@pytest.mark.parametrize("blur", [0.0, 0.8, 1.2])
def test_neighbours_of_one_colour_are_not_taken_for_something_larger(blur: float):
    pairs = list(product(SHAPES, SHAPES, ("small", "large"), (True, False), (0.0, 3.0)))
    scenes = [neighbours(*pair, colour=COLOURS[i % len(COLOURS)]) for i, pair in enumerate(pairs)]
    images = blurred(render(scenes), blur) if blur else render(scenes)
    readings = JUDGE.read(images)
    wrong = [r for scene, r in zip(scenes, readings, strict=True) if kinds(r.scene) != kinds(scene)]
    assert not any(reading.is_legible for reading in wrong)
    assert len(wrong) <= (2 if blur > 1 else 0)


def neighbours(first: str, second: str, size: str, upright: bool, aside: float, colour: str) -> Scene:
    """Two objects with the smallest gap of scenes, `aside` pixels off the straight line."""
    radius, small = (RADII_AT_32["large"][0] if size == "large" else 4.05), 4.05
    near, far = 9.5, 9.5 + HALF_EXTENTS[first][1 if upright else 0] * radius + GAP
    far += HALF_EXTENTS[second][1 if upright else 0] * small
    places = ((14.0, near), (14.0 + aside, far)) if upright else ((near, 14.0), (far, 14.0 + aside))
    things = zip((first, second), (size, "small"), places, (radius, small), strict=True)
    return Scene(32, tuple(SceneObject(s, colour, z, x, y, r) for s, z, (x, y), r in things))


def test_rendering_the_reading_gives_the_picture_back():
    images = render(SCENES)
    again = render([reading.scene for reading in JUDGE.read(images)])
    assert (again - images).abs().max() < 0.15


@pytest.mark.parametrize(
    "harmless",
    [
        lambda images, rng: ((images + 1) * 127.5).round() / 127.5 - 1,
        lambda images, rng: images + 0.1 * torch.randn(images.shape, generator=rng),
        lambda images, rng: 0.8 * images,
        lambda images, rng: images + 0.05 * torch.randn(len(images), 3, 1, 1, generator=rng),
        lambda images, rng: torch.nn.functional.avg_pool2d(render(SCENES, side=64).roll((1, 1), (2, 3)), 2),
    ],
    ids=["eight bits", "noise 0.1", "contrast 0.8", "a cast", "half a pixel aside"],
)
def test_mild_nuisances_change_no_verdict(harmless):
    images = harmless(render(SCENES), torch.Generator().manual_seed(0))
    assert reasons(images) == {"true": NUMBER}


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_morph_half_way_between_two_shapes_is_never_true(steps: int):
    others = [with_first(scene, shape=after(SHAPES, scene.objects[0].shape, steps)) for scene in SCENES]
    assert reasons((render(SCENES) + render(others)) / 2) == {"off_grammar": NUMBER}


def test_a_mixture_of_two_colours_is_never_true():
    others = [with_first(scene, colour=after(COLOURS, scene.objects[0].colour)) for scene in SCENES]
    assert "true" not in reasons((render(SCENES) + render(others)) / 2)


def test_faded_pictures_are_never_true():
    assert reasons(render(SCENES) / 2) == {"off_grammar": NUMBER}


def test_half_an_object_is_never_true():
    images = render(SCENES)
    alone = render([replace(scene, objects=scene.objects[:1]) for scene in SCENES])
    right = torch.stack([torch.arange(32) + 0.5 > scene.objects[0].x for scene in SCENES])
    assert "true" not in reasons(images - alone * right[:, None, None, :])


@pytest.mark.parametrize("spot", [3, 5])
def test_a_stray_spot_anywhere_is_never_overlooked(spot: int):
    lonely = [replace(scene, objects=scene.objects[:1]) for scene in SCENES]
    images = render(lonely)
    claims = [describe_fully(scene, Random(0)) for scene in lonely]
    for i, scene in enumerate(lonely):
        left, top = (2 if centre > 16 else 32 - 2 - spot for centre in (scene.objects[0].x, scene.objects[0].y))
        images[i, :, top : top + spot, left : left + spot] = torch.tensor(PALETTE[COLOURS[i % 8]])[:, None, None]
    assert "true" not in reasons(images, claims)


def test_blobs_and_noise_are_off_the_grammar():
    rng = torch.Generator().manual_seed(0)
    coarse = torch.randn(NUMBER, 3, 6, 6, generator=rng)
    blobs = torch.tanh(3 * torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bicubic"))
    assert reasons(blobs) == {"off_grammar": NUMBER}
    assert reasons(torch.randn(NUMBER, 3, 32, 32, generator=rng).clamp(-1, 1)) == {"off_grammar": NUMBER}


def test_an_empty_picture_is_blank_whatever_its_grey():
    grey = torch.linspace(-0.1, 0.1, NUMBER)[:, None, None, None].expand(-1, 3, 32, 32)
    assert reasons(grey) == {"blank": NUMBER}
    assert not JUDGE.read(grey[:1])[0].scene.objects


def test_broken_numbers_in_a_picture_are_not_true():
    assert "true" not in reasons(torch.full((NUMBER, 3, 32, 32), torch.nan))
    assert "true" not in reasons(torch.full((NUMBER, 3, 32, 32), torch.inf))


def test_a_missing_or_added_object_is_a_wrong_count():
    assert reasons(render([replace(scene, objects=scene.objects[:1]) for scene in SCENES])) == {"count": NUMBER}
    crowded = Judge(CROWDS)
    scene = next(s for s in (sample_scene(CROWDS, Random(seed)) for seed in range(50)) if len(s.objects) == 3)
    fewer = replace(scene, objects=scene.objects[:2])
    assert crowded.verdicts(render([scene]), [describe_fully(fewer, Random(0))])[0].reason == "count"


@pytest.mark.parametrize(("aspect", "words"), [("shape", SHAPES), ("colour", COLOURS), ("size", ("small", "large"))])
def test_one_wrong_attribute_is_named(aspect: str, words: tuple[str, ...]):
    wrong = [with_first(scene, **{aspect: after(words, getattr(scene.objects[0], aspect))}) for scene in SCENES]
    wrong = [replace_radius(scene) for scene in wrong] if aspect == "size" else wrong
    verdicts = JUDGE.verdicts(render(wrong), CLAIMS)
    changed = [kinds(scene) != kinds(other) for scene, other in zip(SCENES, wrong, strict=True)]
    reasons = [verdict.reason for verdict, is_changed in zip(verdicts, changed, strict=True) if is_changed]
    assert set(reasons) == {aspect}
    assert len(reasons) > NUMBER / 2


def kinds(scene: Scene) -> list[tuple[str, str, str]]:
    return sorted((o.shape, o.colour, o.size) for o in scene.objects)


def replace_radius(scene: Scene) -> Scene:
    first, second = scene.objects
    return replace(scene, objects=(replace(first, radius=sum(PAIRS.radii(first.size)) / 2), second))


def test_a_wrong_relation_is_named():
    turned = [replace(c, relations=(c.relations[0]._replace(name=INVERSE[c.relations[0].name]),)) for c in CLAIMS]
    mentioned = [(m.shape, m.colour, m.size) for c in CLAIMS for m in c.mentions]
    different = [i for i in range(NUMBER) if mentioned[2 * i] != mentioned[2 * i + 1]]
    verdicts = JUDGE.verdicts(render(SCENES), turned)
    assert {verdicts[i].reason for i in different} == {"relation"}


def test_a_partial_sentence_requires_only_its_claims():
    grammar = Grammar()
    claims = [grammar.parse(grammar.describe(s, Random(i), complete=False)) for i, s in enumerate(SCENES)]
    assert reasons(render(SCENES), [claim for claim in claims if claim]) == {"true": NUMBER}


def test_only_an_open_world_allows_objects_beyond_a_complete_sentence():
    scene = next(s for s in (sample_scene(CROWDS, Random(seed)) for seed in range(50)) if len(s.objects) == 3)
    images, claims = render([scene]), [describe_fully(replace(scene, objects=scene.objects[:1]), Random(0))]
    assert Judge(CROWDS).verdicts(images, claims)[0].reason == "count"
    assert Judge(CROWDS, closed=False).verdicts(images, claims)[0].true
    assert Judge(replace(CROWDS, min_objects=2)).verdicts(images, claims)[0].true


def test_evidence_is_perfect_on_clean_pictures_and_weak_near_a_border():
    clean = [e for reading in JUDGE.read(render(SCENES)) for e in reading.evidence]
    assert min(e.shape_margin for e in clean) > 0.95
    assert min(e.confidence for e in clean) > 0.99
    assert min(e.shape_log_odds for e in clean) > 100
    middling = SceneObject("circle", "red", "large", 16.0, 16.0, 4.85)
    plain = SceneObject("circle", "red", "large", 16.0, 16.0, 5.6)
    doubtful, sure = (JUDGE.read(render([Scene(32, (thing,))]))[0].evidence[0] for thing in (middling, plain))
    assert doubtful.size_log_odds < sure.size_log_odds / 20


def test_a_picture_is_read_the_same_alone_and_in_a_batch():
    images = render(SCENES[:12])
    together = JUDGE.read(images)
    alone = [JUDGE.read(image[None])[0] for image in images]
    for first, second in zip(together, alone, strict=True):
        assert kinds(first.scene) == kinds(second.scene)
        assert first.residual == pytest.approx(second.residual, abs=1e-3)


def test_mixed_precision_around_the_judge_changes_nothing():
    images = render(SCENES[:8])
    with torch.autocast("cpu", torch.bfloat16):
        inside = JUDGE.read(images)
    assert inside == JUDGE.read(images)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("spec", [PAIRS, CROWDS])
def test_readings_on_a_gpu_equal_those_on_the_cpu(spec: WorldSpec):
    scenes = [sample_scene(spec, Random(seed)) for seed in range(NUMBER)]
    images = blurred(render(scenes), 0.6)
    here, there = Judge(spec).read(images), Judge(spec).read(images.cuda())
    assert [kinds(r.scene) for r in here] == [kinds(r.scene) for r in there]
    assert [r.legibility for r in here] == [r.legibility for r in there]
    for one, other in zip(here, there, strict=True):
        assert one.residual == pytest.approx(other.residual, abs=1e-3)


def test_pictures_of_another_side_are_refused():
    with pytest.raises(ValueError, match=r"world\.side"):
        JUDGE.read(torch.zeros(1, 3, 64, 64))
