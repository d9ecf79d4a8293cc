"""The ledger survives a torn last line."""

import errno
import json

import pytest

from diptych.sweeps.ledger import Ledger


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for number in range(3):
        ledger.append("queued", job=number)
    return ledger


def test_events_come_back_in_order(ledger):
    assert [event["job"] for event in ledger.read()] == [0, 1, 2]
    assert [event["event"] for event in ledger.read()] == ["queued"] * 3
    assert ledger.read()[0]["at"] <= ledger.read()[2]["at"]


def test_a_ledger_without_a_file_is_empty(tmp_path):
    assert Ledger(tmp_path / "ledger.jsonl").read() == []
    Ledger(tmp_path / "ledger.jsonl").repair()


@pytest.mark.parametrize("torn", [b'{"event": "qu', b"\0" * 40, b"\0" * 40 + b"\n", b'{"event"\n', b"\xff\xfe"])
def test_a_torn_line_is_ignored_and_cut_off(ledger, torn):
    with ledger.path.open("ab") as file:
        file.write(torn)
    assert [event["job"] for event in ledger.read()] == [0, 1, 2]
    ledger.repair()
    ledger.append("queued", job=3)
    assert [event["job"] for event in ledger.read()] == [0, 1, 2, 3]
    assert all(json.loads(line) for line in ledger.path.read_bytes().splitlines())


def test_repair_leaves_a_whole_ledger_as_it_is(ledger):
    before = ledger.path.read_bytes()
    ledger.repair()
    assert ledger.path.read_bytes() == before


def test_an_append_waits_for_a_full_disk_and_writes_one_whole_line(ledger, monkeypatch, caplog):
    full = [OSError(errno.ENOSPC, "No space left on device")] * 2
    monkeypatch.setattr("diptych.sweeps.ledger.WAIT_SECONDS", 0)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(full.pop()) if full else None)
    ledger.append("queued", job=3)
    assert [event["job"] for event in ledger.read()] == [0, 1, 2, 3]
    assert caplog.text.count("waiting for room on the disk") == 1


def test_an_append_does_not_wait_after_another_disk_error(ledger, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(OSError, match="Input/output error"):
        ledger.append("queued", job=3)
    assert [event["job"] for event in ledger.read()] == [0, 1, 2]
