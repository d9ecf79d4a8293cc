import numpy as np
import pytest
import torch
from PIL import Image

from diptych.callbacks import fonts
from diptych.callbacks.grids import BACKGROUND, CAPTIONED_TILE, GAP, contact_sheet, rows_sheet, to_pil

SENTENCE = "a small red circle to the left of a large blue square"


def plain(side=32, colour="red", number=1):
    return [Image.new("RGB", (side, side), colour)] * number


def ink(picture):
    """Rows and columns with something darker than the background or a coloured tile."""
    return np.asarray(picture.convert("L")) < 100


def test_pixels_are_clamped_and_rounded_and_never_wrap():
    values = torch.tensor([-1.5, -1.0, -0.001, 0.0, 1.0, 1.5]).reshape(1, 1, 1, 6).expand(1, 3, 1, 6)
    assert np.asarray(to_pil(values)[0])[0, :, 0].tolist() == [0, 0, 127, 128, 255, 255]


def test_grey_pictures_stay_grey():
    (picture,) = to_pil(torch.zeros(1, 1, 4, 4))
    assert picture.mode == "L"


@pytest.mark.parametrize("side", [8, 28, 32, 64, 128])
def test_small_pictures_are_enlarged_without_inventing_colours(side):
    pixels = torch.tensor([-1.0, 1.0]).repeat(side // 2).expand(1, 3, side, side)
    sheet = contact_sheet(to_pil(pixels), ["x"])
    side_shown = sheet.width - 2 * GAP
    tile = sheet.crop((GAP, GAP, GAP + side_shown, GAP + side_shown))
    assert side_shown >= CAPTIONED_TILE
    assert set(tile.getdata() if not hasattr(tile, "get_flattened_data") else tile.get_flattened_data()) == {
        (0, 0, 0),
        (255, 255, 255),
    }


@pytest.mark.parametrize("caption", [SENTENCE, "一个大的红色圆形在一个小的蓝色方形的左边", "x" * 60])
def test_a_long_caption_is_broken_and_stays_under_its_picture(caption):
    if not fonts.is_latin(caption) and fonts.cjk_font(12) is None:
        pytest.skip("no font with Chinese characters on this machine")
    sheet = contact_sheet(plain(), [caption])
    written = ink(sheet)[GAP + CAPTIONED_TILE :]
    assert written.any(axis=1).sum() > 15
    assert not written[:, GAP + CAPTIONED_TILE + 2 :].any()
    assert not written[-2:].any()


def test_every_picture_of_a_sheet_is_above_its_own_caption():
    colours = ["red", "lime", "blue", "yellow", "magenta"]
    sheet = contact_sheet([Image.new("RGB", (32, 32), colour) for colour in colours], ["", "a", SENTENCE, "b", "c"])
    found = {pixel for _, pixel in sheet.getcolors(2**16)}
    assert found >= {Image.new("RGB", (1, 1), colour).getpixel((0, 0)) for colour in colours}


def test_rows_have_their_caption_above_and_empty_captions_take_no_room():
    captioned = rows_sheet([(SENTENCE, plain(number=4)), ("another", plain(number=4))])
    bare = rows_sheet([("", plain(number=4)), ("", plain(number=4))])
    assert captioned.height > bare.height
    assert ink(captioned)[: GAP + 8].any()
    assert not ink(bare)[:GAP].any()
    assert bare.getpixel((0, 0)) == Image.new("RGB", (1, 1), BACKGROUND).getpixel((0, 0))


def test_a_note_replaces_a_caption_that_no_font_can_draw(monkeypatch):
    monkeypatch.setattr(fonts, "cjk_font", lambda size: None)
    assert fonts.shown("一个圆", 12)[0] == fonts.NOTE
    assert fonts.shown("a ring", 12)[0] == "a ring"
