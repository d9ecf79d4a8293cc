"""The shipped calibration meets the promised accuracy of the judge, and a new measurement gives the same."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import binom

from diptych.types import Scene, SceneObject
from diptych.world import SHAPES, Judge, WorldSpec, render, sample_scene
from diptych.world.judging.limits import JUDGE_VERSION, calibration, limits_for
from diptych.world.spec import RADII_AT_32
from judge_calibration import CalibrationSize, calibrate
from judge_calibration.information import confusion_probs, error_floor
from judge_calibration.measure import minimal_pairs, off_grammar, reads_exactly, under
from judge_calibration.nuisances import COMBINED, LOSSLESS, SINGLE, Nuisance
from judge_calibration.off_grammar import BATTERY
from judge_calibration.pairs import ASPECTS_CHANGED, changed

SPEC = WorldSpec(min_objects=1, max_objects=2)
SCENES = [sample_scene(SPEC, Random(seed)) for seed in range(24)]
JUDGE = Judge(SPEC)
SIDES = sorted(map(int, calibration()["sides"]))
FULL = [side for side in SIDES if side <= 64]
LEAST_EXACT = {32: 0.98, 64: 0.995}
LEAST_REFUSED = {32: 0.90, 64: 0.98}
RESTLESS = Nuisance(blur=1.2, noise=0.1)


def conditions(side: int, wanted: tuple[Nuisance, ...]):
    rows = {row["name"]: row for row in calibration()["sides"][str(side)]["conditions"]}
    return [rows[nuisance.name] for nuisance in wanted]


def test_the_calibration_is_of_this_judge_with_ten_thousand_pictures_per_condition():
    assert calibration()["judge"] == JUDGE_VERSION
    assert calibration()["num"] >= 10_000
    assert (SIDES, FULL) == ([32, 64, 128], [32, 64])


@pytest.mark.parametrize("side", SIDES)
def test_nothing_was_misread_without_loss(side: int):
    for row in conditions(side, LOSSLESS):
        assert row["exact"] == row["num"] == calibration()["num"]


@pytest.mark.parametrize("side", FULL)
def test_every_shape_was_read_as_promised_under_single_nuisances_with_few_false_alarms(side: int):
    for row in conditions(side, SINGLE):
        assert row["exact"] / row["num"] >= LEAST_EXACT[side]
        assert set(row["shapes"]) == set(SHAPES)
        assert min(exact / num for exact, num in row["shapes"].values()) >= LEAST_EXACT[side]
        assert (row["off_grammar"] + row["ambiguous"]) / row["num"] <= 0.01


@pytest.mark.parametrize("side", FULL)
def test_pictures_outside_the_grammar_were_refused_as_promised(side: int):
    rows = calibration()["sides"][str(side)]["off_grammar"]
    assert set(rows) == set(BATTERY)
    for row in rows.values():
        assert (row["off_grammar"] + row["ambiguous"]) / row["num"] >= LEAST_REFUSED[side]


@pytest.mark.parametrize("side", SIDES)
def test_every_minimal_pair_was_distinguished(side: int):
    pairs = calibration()["sides"][str(side)]["minimal_pairs"]
    assert set(pairs) == set(ASPECTS_CHANGED)
    for flipped, tried in pairs.values():
        assert flipped == tried > 400


@pytest.mark.parametrize("side", FULL)
def test_no_error_rate_is_below_the_information_bound(side: int):
    for row in conditions(side, COMBINED):
        assert row["num"] - row["exact"] >= binom.ppf(1e-4, row["num"], row["least_error"])


@pytest.mark.slow
def test_a_small_calibration_has_the_structure_of_the_shipped_one_and_is_reproducible():
    size = CalibrationSize(num=6, num_off_grammar=6, num_tuning=6, seed=3)
    first, second = (calibrate([32], size, lambda items, description, total: iter(items)) for _ in range(2))
    assert first == second
    assert first["sides"]["32"].keys() == calibration()["sides"]["32"].keys()


def test_limits_of_other_canvases_are_those_of_the_nearest():
    assert limits_for(33) == limits_for(32)
    assert limits_for(500) == limits_for(SIDES[-1])


@pytest.mark.parametrize("nuisance", [*LOSSLESS, *SINGLE, *COMBINED], ids=lambda nuisance: nuisance.name)
def test_nuisances_have_the_stated_strength(nuisance: Nuisance):
    grey = torch.zeros(8, 3, 64, 64)
    spoilt = nuisance.apply(grey, torch.Generator().manual_seed(0))
    assert spoilt.std().item() / 2 == pytest.approx(nuisance.noise, rel=0.05, abs=0.005)
    line = torch.zeros(1, 3, 64, 64)
    line[..., 32] = 0.5
    light = replace(nuisance, noise=0.0).apply(line, torch.Generator())[0, 0, 32]
    assert light.max().item() <= 0.5 * nuisance.contrast + 0.01
    away = torch.arange(64) - 32.0
    if nuisance.blur:
        assert light.sum().item() == pytest.approx(0.5 * nuisance.contrast, abs=0.01)
        assert (light * away.square()).sum().item() / light.sum().item() == pytest.approx(nuisance.blur**2, abs=0.05)


@pytest.mark.parametrize("kind", BATTERY)
def test_off_grammar_pictures_change_the_first_object_only(kind: str):
    spoilt, clean = BATTERY[kind](SCENES, Random(0)), render(SCENES)
    for scene, picture, before in zip(SCENES, spoilt, clean, strict=True):
        different = (picture - before).abs().amax(dim=0) > 1e-4
        assert different.any()
        rows, columns = different.nonzero(as_tuple=True)
        first = scene.objects[0]
        reach = 2 * first.radius
        assert (columns + 0.5 - first.x).abs().max() <= reach
        assert (rows + 0.5 - first.y).abs().max() <= reach


@pytest.mark.parametrize("aspect", ASPECTS_CHANGED)
def test_minimal_pairs_differ_in_one_thing_only(aspect: str):
    for scene in SCENES:
        other = changed(SPEC, scene, aspect, Random(1))
        if other is None:
            continue
        if aspect == "count":
            assert len(other.objects) == len(scene.objects) - 1
            continue
        words = [
            sum(getattr(a, key) != getattr(b, key) for a, b in zip(scene.objects, other.objects, strict=True))
            for key in ("shape", "colour", "size")
        ]
        assert sum(words) == (0 if aspect == "relation" else 1)


def test_the_table_counts_misread_and_refused_pictures():
    count = under(JUDGE, Nuisance(), 12, seed=5)
    assert (count.num, count.exact, count.off_grammar, count.ambiguous) == (12, 12, 0, 0)
    assert sum(num for _, num in count.shapes.values()) >= 12
    assert off_grammar(JUDGE, "faded to a half", 12, seed=5).off_grammar == 12
    assert all(flipped == tried for flipped, tried in minimal_pairs(JUDGE, 12, seed=5).values())


def test_a_missing_moved_or_changed_object_is_no_exact_reading():
    scene = next(scene for scene in SCENES if len(scene.objects) == 2)
    reading = JUDGE.read(render([scene]))[0]
    first, second = scene.objects
    assert reads_exactly(reading, scene)
    assert not reads_exactly(reading, replace(scene, objects=(first,)))
    assert not reads_exactly(reading, replace(scene, objects=(replace(first, x=first.x + 2), second)))
    assert not reads_exactly(reading, replace(scene, objects=(first, replace(second, colour=_another(second.colour)))))


def test_the_information_bound_is_the_error_of_an_observer_who_knows_both_pictures():
    """Noise is added to the true picture, and the nearer of the two pictures wins."""
    thing, calm = SceneObject("circle", "red", "small", 16.0, 16.0, 4.0), replace(RESTLESS, noise=0.0)
    true, rival = (calm.apply(render([Scene(32, (one,))]), torch.Generator()) for one in (thing, nearest_rival(thing)))
    num, rng, wrong = 20_000, torch.Generator().manual_seed(0), 0
    for _ in range(10):
        seen = true + 2 * RESTLESS.noise * torch.randn(num // 10, *true.shape[1:], generator=rng)
        wrong += ((seen - rival).square().sum((1, 2, 3)) < (seen - true).square().sum((1, 2, 3))).sum().item()
    prob = confusion_probs([thing], 32, RESTLESS)[0].item()
    assert 0.01 < prob < 0.03
    assert wrong / num == pytest.approx(prob, abs=4 * (prob / num) ** 0.5)


def nearest_rival(thing: SceneObject) -> SceneObject:
    """The small object of another shape with the nearest blurred picture, found by scipy, not by the calibration."""
    calm, rng = replace(RESTLESS, noise=0.0), torch.Generator()
    true = calm.apply(render([Scene(32, (thing,))]), rng)

    def other(shape: str, place: np.ndarray) -> SceneObject:
        x, y, radius = place.tolist()
        return replace(thing, shape=shape, x=x, y=y, radius=min(max(radius, 4.0), RADII_AT_32["small"][1]))

    def apart(place: np.ndarray, shape: str) -> float:
        return (calm.apply(render([Scene(32, (other(shape, place),))]), rng) - true).square().sum().item()

    start = np.array([thing.x, thing.y, thing.radius])
    found = {s: minimize(apart, start, (s,), method="Nelder-Mead") for s in SHAPES if s != thing.shape}
    best = min(found, key=lambda shape: found[shape].fun)
    return other(best, found[best].x)


def test_the_information_bound_grows_with_noise_and_blur_and_shrinks_with_contrast():
    floors = [error_floor(SCENES[:6], n) for n in (RESTLESS, replace(RESTLESS, noise=0.2), Nuisance(noise=0.2))]
    assert floors[1] > floors[0] > 0
    assert floors[1] > floors[2]
    assert error_floor(SCENES[:6], replace(RESTLESS, contrast=0.7)) > floors[0]
    assert error_floor(SCENES[:6], Nuisance(blur=1.2)) == 0


def _another(colour: str) -> str:
    return "red" if colour != "red" else "blue"


def test_a_scene_at_another_side_is_the_same_scene():
    wide = [Scene(64, tuple(replace(o, x=2 * o.x, y=2 * o.y, radius=2 * o.radius) for o in s.objects)) for s in SCENES]
    judge = Judge(WorldSpec(min_objects=1, max_objects=2, side=64))
    assert all(reads_exactly(r, s) for r, s in zip(judge.read(render(wide)), wide, strict=True))
