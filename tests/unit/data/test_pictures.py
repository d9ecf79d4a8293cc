import random

import numpy as np
import pytest
import torch
from PIL import Image

from diptych.data.pictures import as_rgb, is_decodable, read_square

RED = (200, 30, 40)


def half_and_half() -> Image.Image:
    """Forty pixels wide, twenty high: red on the left, blue on the right."""
    picture = Image.new("RGB", (40, 20), RED)
    picture.paste((0, 0, 255), (20, 0, 40, 20))
    return picture


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("RGB", "jpg"), ("CMYK", "jpg"), ("CMYK", "tiff"), ("RGB", "png"), ("RGBA", "png"), ("P", "png"), ("P", "gif")],
)
def test_a_colour_is_the_same_in_every_mode_and_format(tmp_path, mode, suffix):
    path = tmp_path / f"x.{suffix}"
    Image.new("RGB", (30, 20), RED).convert(mode).save(path)
    pixels = read_square(path, 8)
    assert pixels.shape == (3, 8, 8)
    assert pixels.dtype == torch.uint8
    assert (pixels.float().mean((1, 2)) - torch.tensor(RED)).abs().max() < 4


def test_transparent_pixels_become_white():
    picture = Image.new("RGBA", (4, 4), (*RED, 0))
    assert as_rgb(picture).getpixel((0, 0)) == (255, 255, 255)
    palette = Image.new("P", (4, 4), 0)
    palette.info["transparency"] = 0
    assert as_rgb(palette).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "I;16", "I"])
def test_grey_pictures_become_grey_rgb(mode):
    white = {"I;16": 65535, "I": 65535, "LA": (255, 255)}.get(mode, 255)
    assert as_rgb(Image.new(mode, (2, 2), white)).getpixel((1, 1)) == (255, 255, 255)


def test_sixteen_bits_keep_their_upper_eight(tmp_path):
    values = np.full((4, 4), 100 * 256 + 77, dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "x.png")
    assert (read_square(tmp_path / "x.png", 4) == 100).all()


def test_the_camera_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    half_and_half().save(tmp_path / "x.png", exif=exif)
    left = read_square(tmp_path / "x.png", 20)[:, 10, 2]
    middle_of_unturned = read_square_of(half_and_half(), tmp_path)[:, 10, 2]
    assert left.tolist() == [0, 0, 255]
    assert middle_of_unturned.tolist() == list(RED)


def read_square_of(picture: Image.Image, folder) -> torch.Tensor:
    picture.save(folder / "plain.png")
    return read_square(folder / "plain.png", 20)


def test_without_randomness_the_centre_is_cropped(tmp_path):
    pixels = read_square_of(half_and_half(), tmp_path)
    assert (pixels[0, :, :9] == RED[0]).all()
    assert (pixels[2, :, 11:] == 255).all()


def test_a_random_crop_is_a_function_of_its_generator_and_moves(tmp_path):
    half_and_half().save(tmp_path / "x.png")
    crops = [read_square(tmp_path / "x.png", 20, random.Random(seed)) for seed in (*range(8), 0)]
    assert torch.equal(crops[0], crops[-1])
    assert len({int((crop[2] == 255).sum()) for crop in crops}) > 4


@pytest.mark.parametrize("size", [(1, 50), (50, 1), (3, 3), (500, 333), (60_000, 1)])
def test_any_size_becomes_the_requested_square(tmp_path, size):
    Image.new("RGB", size, RED).save(tmp_path / "x.png")
    assert read_square(tmp_path / "x.png", 16, random.Random(0)).shape == (3, 16, 16)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp"])
def test_a_truncated_file_cannot_be_decoded_and_a_whole_one_can(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    assert is_decodable(path)
    whole = path.read_bytes()
    for share in (0.9, 0.5, 0.1):
        path.write_bytes(whole[: int(share * len(whole))])
        assert not is_decodable(path)


@pytest.mark.parametrize("content", [b"", b"not a picture at all", b"\xff\xd8\xff\xe0"])
def test_a_file_that_is_no_picture_cannot_be_decoded(tmp_path, content):
    (tmp_path / "x.jpg").write_bytes(content)
    assert not is_decodable(tmp_path / "x.jpg")
