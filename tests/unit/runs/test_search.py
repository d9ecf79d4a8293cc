"""Search of a folder: exact, incremental, and whole again after a kill."""

import os
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from diptych.config import UserError
from diptych.evaluation.progress import silently
from diptych.runs.handles import check_beam
from diptych.runs.search import FolderIndex, nearest
from diptych.runs.search.vectors import Vectors
from diptych.systems.captioning.captions import Caption
from diptych.text import CharTokenizer, WordTokenizer

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


class ColourEmbedder:
    """Embeds a picture as its mean colour, and the name of a colour as that colour; counts what it reads."""

    digest, image_size, data_spec = "a" * 64, 4, SimpleNamespace(image_channels=3)
    tokenizer = WordTokenizer

    def __init__(self):
        self.read = 0

    def pixels_of(self, file):
        if isinstance(file, torch.Tensor):
            return file
        with Image.open(file) as picture:
            pixels = torch.tensor(np.asarray(picture.convert("RGB").resize((4, 4)))).permute(2, 0, 1) / 255
        self.read += 1
        return pixels

    def image_vectors(self, pictures):
        return torch.nn.functional.normalize(torch.stack([p.mean(dim=(1, 2)) for p in pictures]) + 1e-3, dim=1)

    def caption_options(self, beam):
        return check_beam(beam)

    def captions(self, pictures, beam=1):
        names = list(COLOURS)
        return (Caption(f"a {names[int(v.argmax())]} picture", 0.0, (), None) for v in self.image_vectors(pictures))


def query(colour: str) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.tensor([COLOURS[colour]]).float(), dim=1)


def draw(folder, **colours):
    for name, colour in colours.items():
        Image.new("RGB", (8, 8), COLOURS[colour]).save(folder / f"{name}.png")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("DIPTYCH_CACHE", raising=False)
    draw(tmp_path, one="red", two="green", three="blue")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG nothing")
    return tmp_path


def opened(folder, embedder=None, captioner=None):
    return FolderIndex(folder, embedder or ColourEmbedder(), captioner)


def found(index, colour, num=3):
    return [name for name, _ in index.search(query(colour), num)[0]]


def test_the_nearest_come_first_and_unreadable_files_are_named(folder):
    index = opened(folder)
    assert index.update(silently)[:2] == (4, 0)
    assert index.unreadable == ("broken.png",)
    assert found(index, "green")[0] == "two.png"
    assert index.search(query("green"), 1)[0][0][1] == pytest.approx(1, abs=1e-3)
    assert len(found(index, "red", 99)) == 3


def test_a_later_search_reads_only_what_is_new_or_changed(folder):
    opened(folder).update(silently)
    embedder = ColourEmbedder()
    assert opened(folder, embedder).update(silently)[:2] == (0, 0)
    assert embedder.read == 0
    draw(folder, four="red")
    draw(folder, two="blue")
    os.utime(folder / "two.png", ns=(1, 1))
    (folder / "one.png").unlink()
    index = opened(folder, embedder)
    assert index.update(silently)[:2] == (2, 1)
    assert embedder.read == 2
    assert found(index, "red")[0] == "four.png"
    assert set(found(index, "blue", 2)) == {"two.png", "three.png"}
    assert found(opened(folder), "green", 9) == found(index, "green", 9)


def test_what_a_kill_cut_off_is_made_again(folder):
    index = opened(folder)
    index.update(silently)
    vectors = Vectors(index.notes).path
    whole = vectors.read_bytes()
    vectors.write_bytes(whole[: len(whole) - 5])
    journal = index.notes.journal.path
    journal.write_bytes(journal.read_bytes() + b'["torn.png", 3')
    embedder = ColourEmbedder()
    again = opened(folder, embedder)
    again.update(silently)
    assert embedder.read == 1
    assert [found(again, colour, 1) for colour in COLOURS] == [["one.png"], ["two.png"], ["three.png"]]
    vectors.unlink()
    last = opened(folder, embedder)
    last.update(silently)
    assert found(last, "green", 1) == ["two.png"]


def test_an_index_that_is_mostly_out_of_date_is_written_anew(folder):
    opened(folder).update(silently)
    for time in range(1, 4):
        for name in ("one", "two", "three"):
            os.utime(folder / f"{name}.png", ns=(time, time))
        index = opened(folder)
        index.update(silently)
    files = list(index.notes.journal.path.parent.glob("*.f32"))
    assert len(files) == 1
    assert files[0].stat().st_size <= 6 * 3 * 4
    assert index.notes.generation >= 1
    assert [found(opened(folder), colour, 1) for colour in COLOURS] == [["one.png"], ["two.png"], ["three.png"]]
    assert opened(folder).unreadable == ("broken.png",)


def test_other_weights_have_an_index_of_their_own(folder):
    opened(folder).update(silently)
    other = ColourEmbedder()
    other.digest = "b" * 64
    assert opened(folder, other).update(silently).read == 4


def test_captions_are_kept_and_can_be_asked_for(folder):
    captioner = ColourEmbedder()
    index = opened(folder, captioner=captioner)
    index.update(silently)
    assert index.caption_of("two.png") == "a green picture"
    assert index.caption_of("broken.png") is None
    assert [name for name, _ in index.search(query("red"), 9, "blue")[0]] == ["three.png"]
    before = captioner.read
    opened(folder, captioner=captioner).update(silently)
    assert captioner.read == before


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        opened(tmp_path / "nowhere")


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_search_in_blocks_is_exact(block, monkeypatch):
    rng = np.random.default_rng(0)
    vectors = rng.integers(-3, 4, (200, 5)).astype(np.float32)  # with many equal products
    queries = rng.integers(-3, 4, (6, 5)).astype(np.float32)
    monkeypatch.setattr(import_module("diptych.runs.search.nearest"), "AT_ONCE", block)
    counted = rng.random(200) < 0.7
    exact = np.where(counted, queries @ vectors.T, -np.inf)
    order = np.argsort(-exact, axis=1, kind="stable")
    for num in (1, 10, 500):
        rows = nearest(queries, vectors, num, counted)
        assert [[one.number for one in row] for row in rows] == [
            own[: min(num, counted.sum())].tolist() for own in order
        ]
    assert nearest(queries, vectors[:0], 3) == [[]] * 6


def test_captions_are_searched_by_words_whatever_the_embedding_reads(folder):
    embedder = ColourEmbedder()
    embedder.tokenizer = CharTokenizer
    index = opened(folder, embedder, ColourEmbedder())
    index.update(silently)
    assert [name for name, _ in index.search(query("red"), 9, "green")[0]] == ["two.png"]
    assert index.search(query("red"), 9, "reen")[0] == []
    assert [name for name, _ in index.search(query("red"), 9, "Green picture")[0]] == ["two.png"]


def test_a_word_is_not_looked_for_in_captions_that_nobody_made(folder):
    opened(folder).update(silently)
    index = opened(folder, captioner=ColourEmbedder())
    with pytest.raises(UserError, match="saying=red: 3 of 3 pictures of this index have no caption"):
        index.search(query("red"), 9, "red")
    with pytest.raises(UserError, match="saying=red: 3 of 3"):
        opened(folder).search(query("red"), 9, "red")
    index.update(silently)
    assert index.search(query("red"), 9, "red")[0]


def test_what_the_captioner_cannot_follow_is_refused_before_any_picture_is_read(folder):
    embedder = ColourEmbedder()
    with pytest.raises(UserError, match="beam=0"):
        FolderIndex(folder, embedder, ColourEmbedder(), beam=0)
    assert not embedder.read
