"""Large pictures become smaller once, and training sees nearly what it saw before."""

import io
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from diptych.data import ExampleRequest
from diptych.data.packing.shrinking import shrunk, suffix_of
from diptych.data.pictures import ORIENTATION, square_bytes


def file_of(picture: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def smooth(width: int, height: int) -> Image.Image:
    """Waves, which a resizing changes little."""
    across, down = np.meshgrid(np.linspace(0, 9, width), np.linspace(0, 7, height))
    waves = [127 + 120 * np.sin(across * a + down * b) for a, b in ((1, 0.5), (0.3, 1), (0.7, -0.6))]
    return Image.fromarray(np.stack(waves, -1).round().astype(np.uint8))


@settings(max_examples=25)
@given(st.integers(1, 60), st.integers(1, 300), st.integers(1, 300), st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_the_shorter_side_has_twice_what_is_asked_for_or_nothing_changes(side, width, height, kind):
    content = file_of(smooth(width, height), kind)
    smaller = shrunk(content, side)
    if min(width, height) <= 2 * side:
        assert smaller == content
        return
    with Image.open(io.BytesIO(smaller)) as opened:
        assert min(opened.size) == 2 * side
        assert max(opened.size) == pytest.approx(2 * side * max(width, height) / min(width, height), abs=0.5 + side / 8)
        assert opened.format == ("PNG" if kind == "PNG" else "JPEG")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_training_sees_nearly_the_same_square(kind):
    content = file_of(smooth(410, 300), kind)
    before, after = (square_bytes(each, 32).astype(int) for each in (content, shrunk(content, 32)))
    assert np.abs(before - after).mean() < 4  # of 255: a quarter of a pixel


def test_transparency_is_laid_on_white_and_stays_exact():
    picture = Image.new("RGBA", (90, 80), (10, 200, 30, 0))
    with Image.open(io.BytesIO(shrunk(file_of(picture, "WEBP", lossless=True), 20))) as opened:
        assert (opened.format, opened.mode, opened.getpixel((9, 9))) == ("PNG", "RGB", (255, 255, 255))


def test_a_turned_picture_is_upright_and_is_turned_once():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    content = file_of(smooth(200, 120), "JPEG", exif=exif, icc_profile=b"some profile")
    smaller = shrunk(content, 40)
    with Image.open(io.BytesIO(smaller)) as opened:
        assert opened.size == (80, 133)
        assert opened.getexif().get(ORIENTATION) is None
        assert "icc_profile" not in opened.info
    before, after = (square_bytes(each, 40).astype(int) for each in (content, smaller))
    assert np.abs(before - after).mean() < 2


def test_without_a_size_no_byte_changes():
    content = file_of(smooth(200, 120), "JPEG")
    assert shrunk(content, None) is content


@pytest.mark.parametrize(("kind", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png"), ("TIFF", ".tiff"), ("GIF", ".gif")])
def test_a_member_is_called_by_what_it_is(kind, suffix):
    assert suffix_of(file_of(Image.new("RGB", (4, 4)), kind)) == suffix


def test_smaller_pictures_keep_names_splits_and_captions(karpathy, packed):
    root = karpathy().root
    smooth(200, 100).save(root / "Flicker8k_Dataset" / "3.jpg")
    smooth(200, 100).save(root / "Flicker8k_Dataset" / "2.jpg", "PNG")
    data = karpathy()
    data.setup()
    again = packed(data, side=16)
    again.setup()
    for split, examples in data.splits.items():
        other = again.splits[split]
        told = [sorted((s.facts_of(i)["names"], s.captions_of(i)) for i in range(s.size)) for s in (examples, other)]
        assert told[0] == told[1]
    test = again.splits["test"]
    assert test.facts_of(0)["names"] == "3.jpg"
    assert test[ExampleRequest(0)].image.shape == (3, 16, 16)
    with tarfile.open(again.root / "val-000000.tar") as tar:
        assert tar.getnames()[:2] == ["000000000.png", "000000000.json"]  # 2.jpg, which was PNG
        with Image.open(tar.extractfile("000000000.png")) as opened:
            assert opened.size == (64, 32)
