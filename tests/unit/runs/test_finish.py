"""What is done to pictures afterwards: each step against plain PIL, and the order of all."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from diptych.config import UserError
from diptych.runs.images.finish import Finish, read_crop


@pytest.fixture(params=["RGB", "L"])
def picture(request):
    pixels = np.random.default_rng(0).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(request.param)


def test_nothing_is_done_where_nothing_is_asked(picture):
    assert Finish()(picture) is picture
    assert Finish().record() == {}


def test_the_centre_is_cropped(picture):
    assert Finish(crop=(4, 8))(picture).tobytes() == picture.crop((4, 2, 8, 10)).tobytes()


def test_whole_multiples_keep_square_pixels_and_others_are_smoothed(picture):
    doubled = np.asarray(Finish(size=24)(picture))
    assert np.array_equal(doubled[::2, ::2], np.asarray(picture))
    assert np.array_equal(doubled[1::2, 1::2], np.asarray(picture))
    smooth = picture.resize((18, 18), Image.Resampling.LANCZOS)
    assert Finish(size=18)(picture).tobytes() == smooth.tobytes()
    assert Finish(size=24, resample="lanczos")(picture).tobytes() != Finish(size=24)(picture).tobytes()
    assert Finish(crop=(4, 8), size=16)(picture).size == (8, 16)


@pytest.mark.parametrize("name", ["sharpen", "contrast"])
def test_factors_are_those_of_pil_and_one_changes_nothing(picture, name):
    enhancer = {"sharpen": ImageEnhance.Sharpness, "contrast": ImageEnhance.Contrast}[name]
    assert Finish(**{name: 1.0})(picture).tobytes() == picture.tobytes()
    assert Finish(**{name: 1.7})(picture).tobytes() == enhancer(picture).enhance(1.7).tobytes()


def test_all_steps_come_in_their_order(picture):
    by_hand = picture.crop((2, 2, 10, 10)).resize((16, 16), Image.Resampling.NEAREST)
    by_hand = ImageEnhance.Contrast(ImageEnhance.Sharpness(by_hand).enhance(2.0)).enhance(0.5)
    finish = Finish(crop=(8, 8), size=16, sharpen=2.0, contrast=0.5)
    assert finish(picture).tobytes() == by_hand.tobytes()
    assert finish.record() == {"crop": [8, 8], "size": 16, "sharpen": 2.0, "contrast": 0.5}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"crop": (0, 4)}, "crop=0x4"),
        ({"size": 0}, "size=0"),
        ({"resample": "cubic"}, "resample=cubic: choose nearest or lanczos"),
        ({"sharpen": -1.0}, "sharpen=-1.0"),
        ({"contrast": float("nan")}, "contrast=nan"),
    ],
)
def test_impossible_values_are_refused_by_name(values, message):
    with pytest.raises(UserError, match=message):
        Finish(**values)


def test_a_crop_larger_than_the_image_is_refused():
    Finish(crop=(28, 28)).check(28)
    with pytest.raises(UserError, match=r"crop=29x8: the images have 28 x 28 pixels"):
        Finish(crop=(29, 8)).check(28)


def test_a_crop_is_width_times_height():
    assert read_crop("24x16") == (24, 16)
    for text in ("24", "24x", "x", "ax4", "-1x4", "2.5x4"):
        with pytest.raises(UserError, match="such as 24x24"):
            read_crop(text)
