import io

import numpy as np
import pytest
import torch
from PIL import Image

from diptych.callbacks.grids import to_pil
from diptych.runs.images.attention_sheets import LEAST_SIDE, MARGIN, MOST_VEILED, VEIL, spotlit, word_sheet
from diptych.runs.images.finish import resized
from diptych.runs.images.pictures import is_readable, to_pixels


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8))


def test_a_generated_picture_is_read_back_unchanged(picture, tmp_path):
    file = tmp_path / "generated.png"
    picture.save(file)
    for given in (picture, file, str(file), file.read_bytes(), io.BytesIO(file.read_bytes())):
        assert to_pil(to_pixels(given, 32, 3)[None])[0].tobytes() == picture.tobytes()


def test_a_wide_picture_is_cropped_at_its_centre():
    left_to_right = np.zeros((16, 48, 3), dtype=np.uint8)
    left_to_right[:, 16:32] = 255
    assert to_pixels(Image.fromarray(left_to_right), 16, 3).min() == 1


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_phone_s_photograph_is_upright_however_it_is_given(picture, suffix, tmp_path):
    exif, file = Image.Exif(), tmp_path / f"x.{suffix}"
    exif[0x0112] = 6
    smooth = picture.resize((4, 4)).resize((64, 64), Image.Resampling.BICUBIC)
    smooth.save(file, exif=exif, quality=95)
    upright = to_pixels(smooth.transpose(Image.Transpose.ROTATE_270), 32, 3)
    with Image.open(file) as opened:
        for given in (file, str(file), file.read_bytes(), io.BytesIO(file.read_bytes()), opened):
            assert (to_pixels(given, 32, 3) - upright).abs().mean() < 0.05


def test_grey_models_see_how_bright_a_colour_is():
    bright, dark = (to_pixels(Image.new("RGB", (8, 8), colour), 8, 1).mean() for colour in ("yellow", "blue"))
    assert bright > dark
    white = to_pixels(Image.new("RGB", (8, 8), "white"), 8, 1)
    assert white.shape == (1, 8, 8)
    assert torch.allclose(white, torch.ones(1, 8, 8))


def test_grey_pictures_are_shown_to_colour_models_in_three_equal_channels():
    image = torch.rand(1, 8, 8) * 2 - 1
    assert torch.equal(to_pixels(image, 8, 3), image.expand(3, -1, -1))


def test_tensors_of_another_size_stay_in_range(picture):
    small = to_pixels(to_pixels(picture, 32, 3), 20, 3)
    assert small.shape == (3, 20, 20)
    assert small.abs().max() <= 1


def test_whole_enlargements_keep_every_pixel(picture):
    assert np.array_equal(np.asarray(resized(picture, 96))[1::3, 1::3], np.asarray(picture))
    assert resized(picture, 50).size == (50, 50)


def test_only_what_decodes_is_readable(picture, tmp_path):
    good, broken = tmp_path / "good.png", tmp_path / "broken.png"
    picture.save(good)
    broken.write_bytes(good.read_bytes()[:200])
    assert is_readable(good)
    assert not is_readable(broken)
    assert not is_readable(tmp_path / "missing.png")
    assert not is_readable(tmp_path)


def test_attention_leaves_the_attended_pixels_unchanged_and_fades_the_others_to_grey(picture):
    weights = np.zeros((4, 4))
    weights[:, 2:] = 0.5
    lit, original = (np.asarray(image).astype(float) for image in (spotlit(picture, weights), picture))
    assert np.array_equal(lit[:, 24:], original[:, 24:])
    assert np.allclose(lit[:, :3] - VEIL, (1 - MOST_VEILED) * (original[:, :3] - VEIL), atol=2)
    assert np.array_equal(np.asarray(spotlit(picture, np.full((4, 4), 0.1))), np.asarray(picture))


@pytest.mark.parametrize("value", [0, 60, 255])
def test_what_a_picture_shows_is_seen_where_no_word_looked(value):
    pixels = np.full((16, 16, 3), value, np.uint8)
    pixels[4:12, 4:12] = 255 - value if value != 60 else 90
    faded = np.asarray(spotlit(Image.fromarray(pixels), np.diag([1.0, 0, 0, 0]))).astype(float)
    contrast = abs(faded[10, 10, 0] - faded[14, 14, 0])
    assert contrast >= (1 - MOST_VEILED) * abs(float(pixels[10, 10, 0]) - value) - 2


def test_a_sheet_has_the_picture_and_room_for_every_word(picture):
    narrow = word_sheet(picture, ("a", "red"), [np.eye(4)] * 2)
    wide = word_sheet(picture, ("a", "red", "incomprehensibilities"), [np.eye(4)] * 3)
    assert wide.width > narrow.width * 1.3
    sheet = np.asarray(narrow)
    times = -(-LEAST_SIDE // picture.width)
    shown = sheet[MARGIN : MARGIN + picture.height * times : times, MARGIN : MARGIN + picture.width * times : times]
    assert np.array_equal(shown, np.asarray(picture))
    long = word_sheet(picture, ("word",) * 20, [np.eye(4)] * 20)
    assert long.width <= 8 * (narrow.width // 2)
    assert long.height > 2 * narrow.height
    assert word_sheet(picture, (), []).width > 0
