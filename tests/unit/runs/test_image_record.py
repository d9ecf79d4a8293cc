"""What an image says of itself, and what is refused of anybody's file."""

import io
import json
import re

import pytest
from PIL import Image, PngImagePlugin

from diptych.config import UserError
from diptych.runs.images.record import VERSION, ImageRecord, WalkRecord, read_record, record_of, save_png

TOLD = ImageRecord(
    sentence="a red circle, 红色",
    noise_key="a",
    seed=3,
    index=1,
    options={"steps": 4, "guidance_scale": 1.5, "solver": "heun", "negative": "a blue, square", "ema": None},
    checkpoint="0123456789abcdef",
    run="flow-3ed3da",
    batch=(1, 8),
    finish={"crop": [20, 10]},
    best_of={"of": 8, "by": "judge", "score": 0.8},
)


def written(record, tmp_path, side=4):
    picture = Image.new("RGB", (side, side))
    picture.info["diptych"] = record if isinstance(record, str) else record.to_json()
    save_png(picture, tmp_path / "a.png")
    return tmp_path / "a.png"


def test_a_record_survives_json_and_the_file(tmp_path):
    file = written(TOLD, tmp_path)
    assert ImageRecord.from_dict(json.loads(TOLD.to_json())) == TOLD
    with Image.open(file) as opened:
        for source in (file, str(file), file.read_bytes(), opened):
            assert record_of(source) == TOLD


def test_a_record_of_before_is_read(tmp_path):
    old = {"version": 1, "sentence": "a", "noise_key": "a", "seed": 0, "index": 0, "options": {}, "checkpoint": "0"}
    told = record_of(written(json.dumps({**old, "diptych": "0.1.0", "kept by a later version": 1}), tmp_path))
    assert (told.run, told.batch, told.latents, told.finish) == ("", None, "", {})
    assert told.to_dict() == {**old, "diptych": "0.1.0"}


def test_the_parameters_line_is_read_as_other_tools_read_it(tmp_path):
    with Image.open(written(TOLD, tmp_path, side=28)) as opened:
        sentence, negative, values = opened.info["parameters"].split("\n")
    assert sentence == TOLD.sentence
    assert negative == "Negative prompt: a blue, square"
    pattern = r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)'  # of Stable Diffusion's web interface
    told = dict(re.findall(pattern, values))
    assert (told["Steps"], told["Sampler"], told["CFG scale"], told["Seed"]) == ("4", "heun", "1.5", "3")
    assert (told["Size"], told["Model hash"], told["Model"]) == ("28x28", "0123456789", "flow-3ed3da")
    assert "ema" not in told


def test_a_sheet_and_a_walk_have_no_parameters_and_are_no_image_of_a_sentence(tmp_path):
    walk = WalkRecord(stops=(["a", "a", 0],), frame=0, frames=2, seed=0, options={}, checkpoint="0")
    for record, lacking in ((walk.to_json(), "says no sentence"), (json.dumps({"version": 1, "sheet": []}), "says no")):
        file = written(record, tmp_path)
        with Image.open(file) as opened:
            assert "parameters" not in opened.info
        with pytest.raises(UserError, match=f"{lacking}.*it is of another kind"):
            record_of(file)


def test_a_foreign_picture_has_no_record(tmp_path):
    save_png(Image.new("RGB", (4, 4)), tmp_path / "a.png")
    assert read_record(tmp_path / "a.png") is None
    with pytest.raises(UserError, match=r"a\.png has no record of diptych: it was made by something else"):
        record_of(tmp_path / "a.png")
    with pytest.raises(UserError, match="there is no file"):
        record_of(tmp_path / "b.png")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "it is damaged"),
        ("[" * 100_000, "it is damaged"),
        ("[]", "it has no version"),
        (json.dumps(TOLD.to_dict() | {"version": VERSION + 1}), "take a newer one"),
        (json.dumps(TOLD.to_dict() | {"seed": "3"}), "its seed is '3'"),
        (json.dumps(TOLD.to_dict() | {"batch": [0, "8"]}), "its batch is"),
        (json.dumps(TOLD.to_dict() | {"options": []}), "its options is"),
    ],
)
def test_a_damaged_record_is_one_message(text, message):
    chunks, file = PngImagePlugin.PngInfo(), io.BytesIO()
    chunks.add_itxt("diptych", text)
    Image.new("RGB", (4, 4)).save(file, "PNG", pnginfo=chunks)
    with pytest.raises(UserError, match=f"this image: its record cannot be used: .*{re.escape(message)}"):
        record_of(file.getvalue())


@pytest.mark.parametrize("cut", [0, 20, 60, 200])
def test_a_damaged_file_is_one_message(tmp_path, cut):
    content = written(TOLD, tmp_path).read_bytes()
    with pytest.raises(UserError, match=r"cannot be read as a picture|has no record"):
        record_of(content[:cut])
