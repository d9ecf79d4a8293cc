"""How true a caption is: exactness and F1 of facts, from the scene alone."""

import pytest

from diptych.metrics.caption_truth import caption_truth
from diptych.types import Scene, SceneObject

CIRCLE = SceneObject("circle", "red", "large", 10, 16, 4)
SQUARE = SceneObject("square", "blue", "small", 24, 16, 2)
SCENE = Scene(32, (CIRCLE, SQUARE))


@pytest.mark.parametrize(
    ("caption", "exact", "facts"),
    [
        ("a large red circle is left of a small blue square", 1, 1),
        ("a large red circle is right of a small blue square", 0, 6 / 7),
        ("a large green circle is left of a small blue square", 0, 6 / 7),
        ("a large red circle", 0, 2 * 1 * (3 / 7) / (1 + 3 / 7)),
        ("a large red circle is left of a small <unk> square", 0, 0),
        ("red red red", 0, 0),
        ("", 0, 0),
    ],
)
def test_truth_is_exactness_and_the_harmonic_mean_of_precision_and_recall(caption, exact, facts):
    assert caption_truth(caption, SCENE) == pytest.approx((exact, facts))


def test_a_caption_in_any_of_the_languages_is_read():
    assert caption_truth("a large red circle", SCENE, ("zh",)).facts == 0
    assert caption_truth("a large red circle", SCENE, ("zh", "en")).facts > 0
