"""The list of shown exhibits survives a crash and a resume."""

from pathlib import Path

import pytest

from diptych.tracking.exhibits import Exhibits, Picture, Table


def shown_before(folder: Path, counts: list[int]) -> Path:
    exhibits = Exhibits.open(folder / "shown.jsonl", up_to=None)
    for images in counts:
        exhibits.add(Picture("samples/grid", images, folder / "grid.png", "“red”\u2028"))
        exhibits.add(Table("samples/examples", images, ["image", "caption"], [[folder / "grid.png", "red"]]))
    return exhibits.path


def counts_of(exhibits: Exhibits) -> list[int]:
    return [exhibit.images for exhibit in exhibits.shown]


def test_a_resumed_run_keeps_the_exhibits_up_to_its_checkpoint(tmp_path):
    path = shown_before(tmp_path, [64, 128, 192])
    exhibits = Exhibits.open(path, up_to=128)
    assert counts_of(exhibits) == [64, 64, 128, 128]
    assert exhibits.shown[:2] == [
        Picture("samples/grid", 64, tmp_path / "grid.png", "“red”\u2028"),
        Table("samples/examples", 64, ["image", "caption"], [[tmp_path / "grid.png", "red"]]),
    ]
    assert Exhibits.open(path, up_to=None).shown == []


@pytest.mark.parametrize("torn", [b'{"name": "samp', b"", b"\xe2\x80", bytes(64), b"\0\0\0\0{", b"12"])
def test_a_damaged_line_costs_its_exhibit_and_not_the_run(tmp_path, torn, caplog):
    path = shown_before(tmp_path, [64, 128])
    first, second, third, fourth = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second + torn + third + torn + b"\n" + fourth + torn)
    assert counts_of(Exhibits.open(path, up_to=128)) == ([64, 64, 128] if torn else [64, 64, 128, 128])
    assert "damaged lines are left out" in caplog.text
    caplog.clear()
    assert len(Exhibits.open(path, up_to=128).shown) >= 3  # which is what the file holds now
    assert not caplog.records
