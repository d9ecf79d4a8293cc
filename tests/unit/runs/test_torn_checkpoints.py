"""A damaged checkpoint is detected, and the previous one replaces it."""

import random

import pytest
import torch

from diptych.config import UserError
from diptych.runs.checkpoint_state import newest_checkpoint
from diptych.runs.checkpoints import damage, newest_whole, read_checkpoint
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import STOPPED
from diptych.runs.training import resume, train
from sameness import differences_of_runs

TRUST = ["tinyparts"]
LONGER = ["budget_images=1280"]
RNG = random.Random(0)


def cut(whole: bytes) -> bytes:
    return whole[: RNG.randrange(1, len(whole))]


def flip(whole: bytes) -> bytes:
    """Flip one bit within the records, which torch alone would not notice."""
    torn = bytearray(whole)
    torn[RNG.randrange(len(whole) // 4, len(whole) // 2)] ^= 1 << RNG.randrange(8)
    return bytes(torn)


def zeroed_from_somewhere(whole: bytes) -> bytes:
    kept = RNG.randrange(len(whole) // 2)
    return whole[:kept] + bytes(len(whole) - kept)


TEARS = {
    "empty": lambda whole: b"",
    "zeros": lambda whole: bytes(len(whole)),
    "half zeros": zeroed_from_somewhere,
    "cut off": cut,
    "a bit flipped": flip,
    "something else": lambda whole: b"<html>404</html>" * 100,
}


def stopped_at(tiny, images: int, *overrides: str) -> RunFolder:
    """A run that stopped when last.ckpt was at `images`."""
    folder, _ = train(tiny("tiny_gan", f"budget_images={images}", *overrides))
    folder.write_status(STOPPED)
    return folder


@pytest.mark.parametrize("tear", TEARS.values(), ids=TEARS)
def test_a_torn_last_checkpoint_costs_one_interval_and_nothing_else(tiny, tear, caplog):
    whole, _ = train(tiny("tiny_gan"))
    folder = stopped_at(tiny, 640)
    folder.last.write_bytes(tear(folder.last.read_bytes()))
    assert newest_whole(folder) == folder.previous
    resume(folder, LONGER, TRUST)
    (said,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert said.startswith("set aside as damaged: last.ckpt (now *.torn). Resuming from previous.ckpt, at 480 images")
    assert differences_of_runs(folder, whole) == []
    assert newest_whole(folder) == folder.last


def test_if_the_previous_one_is_torn_too_the_best_replaces_it(tiny):
    folder = stopped_at(tiny, 640)
    for path in (folder.last, folder.previous):
        path.write_bytes(b"")
    saved = newest_checkpoint(folder)
    assert (saved.path, set(saved.damaged)) == (folder.best, {folder.last, folder.previous})
    resume(folder, LONGER, TRUST)
    assert folder.read_status().images_seen == 1280


def test_if_all_are_torn_the_error_names_every_one(tiny):
    folder = stopped_at(tiny, 640)
    for path in (folder.last, folder.previous, folder.best):
        path.write_bytes(b"")
    assert newest_whole(folder) is None
    with pytest.raises(UserError, match=r"(?s)last\.ckpt cannot be read .*previous\.ckpt .*best\.ckpt .*it is empty"):
        newest_checkpoint(folder)


def test_a_torn_best_is_detected_too_and_replaced_by_the_next_best(tiny, caplog):
    folder = stopped_at(tiny, 640)
    folder.best.write_bytes(flip(folder.best.read_bytes()))
    resume(folder, LONGER, TRUST)
    assert "set aside as damaged: best.ckpt" in caplog.text
    assert read_checkpoint(folder.best)["images_seen"] > 640


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_a_flipped_bit_is_detected_wherever_it_changes_the_content(tmp_path, place):
    path = tmp_path / "last.ckpt"
    torch.save({"weights": torch.arange(256.0)}, path)
    whole = path.read_bytes()
    for offset in range(place, len(whole), 100):
        torn = bytearray(whole)
        torn[offset] ^= 1
        path.write_bytes(torn)
        if not damage(path):
            try:
                read = torch.load(path, weights_only=True)
            except Exception:  # torch detects it: the header of a record, which has no checksum
                continue
            assert torch.equal(read["weights"], torch.arange(256.0))
