"""Of shards as much is told as of a folder with the same pictures: notes, repeated bytes, leaks, look-alikes."""

import io
import json
import logging

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photograph():
    """`photograph(number, kind)`: a smooth picture, the same one for a number, in any format."""

    def made(number: int, kind: str = "PNG", **options) -> bytes:
        small = np.random.default_rng(number).integers(0, 255, (6, 6, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(small).resize((96, 96), Image.Resampling.BICUBIC).save(file, kind, **options)
        return file.getvalue()

    return made


@pytest.fixture
def told(webdataset, folder_data, tmp_path, write_tar):
    """`told(pictures, splits)`: what tar files and a folder say of these pictures, as a check asks them."""

    def told(pictures, splits):
        (tmp_path / "folder").mkdir()
        lines, members = [], []
        for (name, content), split in zip(pictures.items(), splits, strict=True):
            (tmp_path / "folder" / name).write_bytes(content)
            fields = {"text": f"of {name}", "split": split}
            lines.append(json.dumps({"file_name": name, **fields}))
            members += [(name, content), (f"{name.partition('.')[0]}.json", json.dumps(fields).encode())]
        (tmp_path / "folder" / "metadata.jsonl").write_text("\n".join(lines))
        write_tar(tmp_path / "a.tar", members[: len(members) // 4 * 2])
        write_tar(tmp_path / "b.tar", members[len(members) // 4 * 2 :])
        both = (webdataset(tmp_path, ["a.tar", "b.tar"]), folder_data(tmp_path / "folder"))
        return [_said_by(data) for data in both]

    return told


def _said_by(data):
    findings = data.inspect()
    _, splits = data.divide(findings)
    return {
        "notes": {kind: sorted(names) for kind, names in findings.notes.items()},
        "leaks": sorted(data.leaks(splits)),
        "look_alikes": sorted(data.look_alikes(splits)),
    }


def test_shards_tell_what_a_folder_tells(told, photograph, caplog):
    pictures = {f"{number}.png": photograph(number) for number in range(6)}
    pictures |= {"again.png": photograph(0), "twin.png": photograph(4), "saved.jpg": photograph(5, "JPEG", quality=90)}
    pictures["cmyk.jpg"] = _cmyk()
    with caplog.at_level(logging.WARNING, logger="diptych"):
        mine, other = told(pictures, ["train"] * 6 + ["train", "val", "test", "train"])
    assert mine == other
    assert mine["leaks"] == ["val: twin.png = train: 4.png"]
    assert mine["look_alikes"] == ["test: saved.jpg ≈ train: 5.png"]
    assert mine["notes"]["same_pictures"] == ["again.png (as 0.png)", "twin.png (as 4.png)"]
    assert mine["notes"]["other_colour_spaces"] == ["cmyk.jpg"]
    assert caplog.text.count("byte for byte: 1 (val: twin.png = train: 4.png)") == 2


def _cmyk() -> bytes:
    file = io.BytesIO()
    Image.new("CMYK", (20, 20)).save(file, "JPEG")
    return file.getvalue()
