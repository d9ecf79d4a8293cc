"""The ledger survives whatever a crash leaves of its last line."""

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


def test_there_is_nothing_before_the_first_event(tmp_path):
    assert Ledger(tmp_path / "ledger.jsonl").read() == []
    Ledger(tmp_path / "ledger.jsonl").repair()


@pytest.mark.parametrize("torn", [b'{"event": "qu', b"\0" * 40, b"\0" * 40 + b"\n", b'{"event"\n', b"\xff\xfe"])
def test_a_torn_line_is_left_out_and_cut_off(ledger, torn):
    with ledger.path.open("ab") as file:
        file.write(torn)
    assert [event["job"] for event in ledger.read()] == [0, 1, 2]
    ledger.repair()
    ledger.append("queued", job=3)
    assert [event["job"] for event in ledger.read()] == [0, 1, 2, 3]
    assert all(json.loads(line) for line in ledger.path.read_bytes().splitlines())


def test_repairing_a_whole_ledger_changes_nothing(ledger):
    before = ledger.path.read_bytes()
    ledger.repair()
    assert ledger.path.read_bytes() == before


def test_a_full_disk_is_waited_for_and_leaves_neither_half_a_line_nor_two(ledger, monkeypatch, caplog):
    full = [OSError(errno.ENOSPC, "No space left on device")] * 2
    monkeypatch.setattr("diptych.sweeps.ledger.WAIT_SECONDS", 0)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(full.pop()) if full else None)
    ledger.append("queued", job=3)
    assert [event["job"] for event in ledger.read()] == [0, 1, 2, 3]
    assert caplog.text.count("waiting for room on the disk") == 1


def test_another_error_of_the_disk_is_not_waited_for(ledger, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(OSError, match="Input/output error"):
        ledger.append("queued", job=3)
    assert [event["job"] for event in ledger.read()] == [0, 1, 2]
