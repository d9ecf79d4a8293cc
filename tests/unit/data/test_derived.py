"""Files derived from data: found again, whole, and made by one process at a time."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from diptych.data.derived import DERIVED, Journal, derived_files, derived_folder, locked, replaced


def test_what_is_derived_lies_beside_the_data(tmp_path):
    assert derived_folder(tmp_path) == tmp_path / DERIVED


def test_what_is_derived_from_data_that_cannot_be_written_to_lies_in_the_cache(tmp_path, monkeypatch):
    source = tmp_path / "data"
    source.mkdir()
    (source / DERIVED).write_text("a file where the folder would be")
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    assert derived_folder(source).parent == tmp_path / "cache"
    (derived_folder(source) / "index").touch()
    assert derived_files(source, "index") == [derived_folder(source) / "index"]


def test_where_nothing_can_be_written_the_message_names_the_variable(tmp_path, monkeypatch):
    (tmp_path / DERIVED).write_text("")
    (tmp_path / "cache").write_text("")
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(OSError, match="DIPTYCH_CACHE"):
        derived_folder(tmp_path)


def test_a_write_that_fails_leaves_the_file_that_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def write() -> None:
        with replaced(path) as file:
            file.write(b"half")
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        write()
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("torn", range(1, 9))
def test_rows_before_a_kill_are_kept_and_others_follow_them(tmp_path, torn):
    journal = Journal(tmp_path / "journal")
    journal.append([["a", 1], ["b", 2]])
    content = journal.path.read_bytes()
    journal.path.write_bytes(content[:-torn])
    journal.append([["c", 3]])
    assert [*journal.rows()] == [["a", 1], *([["b", 2]] if torn == 1 else []), ["c", 3]]


def _add_one(path: Path) -> None:
    for _ in range(20):
        with locked(path):
            number = int(path.read_text())
            time.sleep(0.001)
            path.write_text(str(number + 1))


def test_one_process_at_a_time_holds_the_lock(tmp_path):
    path = tmp_path / "count"
    path.write_text("0")
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_add_one, args=(path,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert path.read_text() == "60"
