import io
import random
import struct
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diptych.data.pictures import PictureError, as_rgb, decoders_silent, is_decodable
from diptych.data.squares import read_square

RED = (200, 30, 40)
ORIENTATION = 0x0112


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


def marked(orientation: int, entries: bytes = b"", num_entries: int = 1) -> bytes:
    """EXIF with an orientation, before other entries of 12 bytes each."""
    own = struct.pack(">HHIHH", ORIENTATION, 3, 1, orientation, 0)
    return b"Exif\0\0MM\0*" + struct.pack(">IH", 8, num_entries) + own + entries + bytes(4)


def encoded(picture: Image.Image, kind: str, exif: bytes = b"") -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_file_its_bytes_and_an_image_are_turned_alike(kind, orientation, tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    noise = np.random.default_rng(0).integers(0, 255, (6, 9, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((90, 60), Image.Resampling.BICUBIC)
    content = encoded(picture, kind, exif.tobytes())
    (tmp_path / "x").write_bytes(content)
    with Image.open(tmp_path / "x") as opened:
        squares = [read_square(source, 60).float() for source in (tmp_path / "x", content, opened)]
    assert torch.equal(squares[0], squares[1])
    assert (squares[0] - squares[2]).abs().mean() < 3
    turned = {6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90, 3: Image.Transpose.ROTATE_180}
    if orientation in turned:
        expected = read_square(picture.transpose(turned[orientation]), 60).float()
        assert (squares[0] - expected).abs().mean() < 6


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03",
        b"Exif\0\0Exif\0\0II*\0\x08\0\0\0",
        b"Exif\0\0\0\0\0\x08\0\x02\x01\x12\0\x03",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
    ],
)
def test_damaged_exif_costs_the_orientation_and_not_the_picture(exif, tmp_path):
    content = encoded(half_and_half(), "JPEG")
    damaged = content[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + content[2:]
    (tmp_path / "x.jpg").write_bytes(damaged)
    with decoders_silent():
        assert is_decodable(tmp_path / "x.jpg")
        assert torch.equal(read_square(damaged, 20), read_square(content, 20))


def test_an_orientation_counts_where_other_exif_cannot_be_written_back():
    entries = struct.pack(">HHII", 0x0106, 2, 6, 0x26) + bytes(4) + b"hello\0"
    content = encoded(half_and_half(), "PNG", marked(3, entries, num_entries=2))
    assert read_square(content, 20)[:, 10, 2].tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    "error", [struct.error("x"), SyntaxError("x"), OverflowError(), MemoryError(), RecursionError(), TypeError()]
)
def test_whatever_a_decoder_raises_names_the_picture(error, tmp_path, monkeypatch):
    def fail(*_):
        raise error

    half_and_half().convert("L").save(tmp_path / "x.png")
    monkeypatch.setattr(Image.Image, "convert", fail)
    assert not is_decodable(tmp_path / "x.png")
    with pytest.raises(PictureError, match=rf"x\.png cannot be decoded: {type(error).__name__}"):
        read_square(tmp_path / "x.png", 8)


def test_an_absurd_size_is_a_picture_that_cannot_be_decoded(tmp_path):
    content = bytearray(encoded(half_and_half(), "PNG"))
    content[16:24] = struct.pack(">II", 2**31 - 1, 2**31 - 1)
    (tmp_path / "x.png").write_bytes(content)
    assert not is_decodable(tmp_path / "x.png")


@lru_cache
def original(kind: str) -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    return encoded(Image.fromarray(noise), kind, marked(6))


@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP"]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.floats(0.2, 1),
)
def test_what_decodes_once_decodes_at_every_size_however_it_is_damaged(kind, changes, cut, tmp_path_factory):
    content = bytearray(original(kind))
    for place, value in changes:
        content[int(place * len(content))] = value
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content[: int(cut * len(content))])
    with decoders_silent():
        if is_decodable(path):
            for size in (1, 16, 200):
                assert read_square(path, size, random.Random(size)).shape == (3, size, size)
        else:
            with pytest.raises(PictureError, match="cannot be decoded"):
                read_square(path, 16)


def test_silence_holds_in_threads_and_leaves_the_filters_as_they_were():
    before = list(warnings.filters)

    def warned(number: int) -> None:
        with decoders_silent(), decoders_silent():
            time.sleep(0.001 * (number % 3))
            warnings.warn("a decoder's", UserWarning, stacklevel=1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(warned, range(200)))
    assert warnings.filters == before
    with pytest.warns(UserWarning, match="heard again"):
        warnings.warn("heard again", UserWarning, stacklevel=1)
