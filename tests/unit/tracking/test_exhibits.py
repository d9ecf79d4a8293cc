"""What a run has shown so far, whatever a crash has left of the list."""

from pathlib import Path

import pytest

from diptych.tracking.exhibits import Exhibits, Picture, Table


def shown_before(folder: Path, counts: list[int]) -> Path:
    exhibits = Exhibits.open(folder / "shown.jsonl", up_to=None)
    for images in counts:
        exhibits.add(Picture("samples/grid", images, folder / "grid.png", "“red”\u2028"))
        exhibits.add(Table("samples/told", images, ["image", "told"], [[folder / "grid.png", "red"]]))
    return exhibits.path


def counts_of(exhibits: Exhibits) -> list[int]:
    return [exhibit.images for exhibit in exhibits.shown]


def test_a_resumed_run_has_shown_what_it_showed_up_to_its_checkpoint(tmp_path):
    path = shown_before(tmp_path, [64, 128, 192])
    exhibits = Exhibits.open(path, up_to=128)
    assert counts_of(exhibits) == [64, 64, 128, 128]
    assert exhibits.shown[:2] == [
        Picture("samples/grid", 64, tmp_path / "grid.png", "“red”\u2028"),
        Table("samples/told", 64, ["image", "told"], [[tmp_path / "grid.png", "red"]]),
    ]
    assert Exhibits.open(path, up_to=None).shown == []


@pytest.mark.parametrize("torn", [b'{"name": "samp', b"", b"\xe2\x80", bytes(64), b"\0\0\0\0{", b"12"])
def test_a_line_torn_by_a_crash_costs_what_it_showed_and_not_the_run(tmp_path, torn, caplog):
    path = shown_before(tmp_path, [64, 128])
    first, second, third, fourth = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second + torn + third + torn + b"\n" + fourth + torn)
    assert counts_of(Exhibits.open(path, up_to=128)) == ([64, 64, 128] if torn else [64, 64, 128, 128])
    assert "torn lines are left out" in caplog.text
    caplog.clear()
    assert len(Exhibits.open(path, up_to=128).shown) >= 3  # which is what the file holds now
    assert not caplog.records
