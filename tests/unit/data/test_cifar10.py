import gzip
import io
import os
import pickle
import struct
import tarfile
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.data import Cifar10Data, ExampleRequest
from diptych.data.labelled.byte_arrays import MOST_INSTRUCTIONS, read_plain_pickle
from diptych.data.labelled.cifar10 import NAMES
from diptych.data.labelled.cifar_files import parse_pickle

PER_FILE = 20
FILES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def rows_of(file: str) -> tuple[np.ndarray, list[int]]:
    """Pictures whose red, green and blue are each of one brightness: the class, the file and the number."""
    labels = [number % 10 for number in range(PER_FILE)]
    colours = [(label, FILES.index(file), number) for number, label in enumerate(labels)]
    return np.repeat(np.array(colours, np.uint8), 1024, axis=1), labels


def pickled(file: str) -> bytes:
    rows, labels = rows_of(file)
    return pickle.dumps({b"data": rows, b"labels": labels, b"batch_label": b"a batch"}, protocol=2)


def python_two(file: str) -> bytes:
    """The opcodes that Python 2's cPickle writes, whose stored values are numbered from 1 on."""
    rows, labels = rows_of(file)
    content = rows.tobytes()
    return b"".join(
        [
            b"\x80\x02}q\x01(U\x06labelsq\x02]q\x03(" + b"".join(b"K" + bytes([label]) for label in labels) + b"e",
            b"U\x04dataq\x04cnumpy.core.multiarray\n_reconstruct\nq\x05cnumpy\nndarray\nq\x06K\x00\x85U\x01b\x87Rq\x07",
            b"(K\x01K" + bytes([len(labels)]) + b"M\x00\x0c\x86cnumpy\ndtype\nq\x08U\x02u1K\x00K\x01\x87Rq\x09",
            b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T" + struct.pack("<i", len(content)),
            content + b"tbu.",
        ]
    )


def binary(file: str) -> bytes:
    rows, labels = rows_of(file)
    return b"".join(bytes([label]) + row.tobytes() for label, row in zip(labels, rows, strict=True))


def write_python(root: Path) -> None:
    for file in FILES:
        (root / file).write_bytes(pickled(file))


def write_python_two(root: Path) -> None:
    (root / "cifar-10-batches-py").mkdir()
    for file in FILES:
        (root / "cifar-10-batches-py" / file).write_bytes(python_two(file))


def write_binary(root: Path) -> None:
    (root / "cifar-10-batches-bin").mkdir()
    for file in FILES:
        (root / "cifar-10-batches-bin" / f"{file}.bin").write_bytes(binary(file))


def write_archive(root: Path) -> None:
    with tarfile.open(root / "cifar-10-python.tar.gz", "w:gz") as tar:
        for file in [*FILES, "readme.html"]:
            content = pickled(file) if file in FILES else b"<html>"
            member = tarfile.TarInfo(f"cifar-10-batches-py/{file}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def build(root: Path, **changes) -> Cifar10Data:
    values = {"download": False, "image_size": 32, "channels": 3, "captions_per_image": 1, "val_size": 20}
    data = Cifar10Data(root=root, **(values | {"test_size": None, "tokenizer": "word", "batch_size": 4} | changes))
    data.setup()
    return data


@pytest.mark.parametrize("write", [write_python, write_python_two, write_binary, write_archive])
def test_every_version_gives_the_same_pictures_with_their_classes(write, tmp_path):
    write(tmp_path)
    splits = build(tmp_path).splits
    assert {name: split.size for name, split in splits.items()} == {"train": 80, "val": 20, "test": 20}
    for split in splits.values():
        for index, number in enumerate(split.chosen):
            example = split[ExampleRequest(index)]
            file, label = divmod(number, PER_FILE) if split is not splits["test"] else (5, number)
            assert example.image[:, 3, 5].tolist() == [label % 10, file, label]
            assert example.image.flatten(1).unique(dim=1).shape == (3, 1)
            assert example.labels == (list(NAMES)[label % 10],)


def test_splits_are_stratified_and_share_no_picture(tmp_path):
    write_binary(tmp_path)
    splits = build(tmp_path).splits
    for name, split in splits.items():
        counts = Counter(split[ExampleRequest(index)].labels for index in range(split.size))
        assert set(counts.values()) == {split.size // 10}, name
    assert sorted([*splits["train"].chosen, *splits["val"].chosen]) == list(range(100))


def test_pictures_may_be_grey_or_larger_and_no_other_number_of_channels(tmp_path):
    write_binary(tmp_path)
    batch = next(iter(build(tmp_path, channels=1, image_size=48).test_dataloader()))
    red, green, blue = 3, 5, 3
    grey = round(0.299 * red + 0.587 * green + 0.114 * blue)
    assert batch.images.shape == (4, 1, 48, 48)
    assert torch.allclose(batch.images[3], torch.tensor(grey / 127.5 - 1))
    with pytest.raises(ValueError, match=r"data\.channels=2.*set 3, or 1 for grey"):
        build(tmp_path, channels=2)


def test_missing_files_are_named_with_the_fix(tmp_path):
    with pytest.raises(ValueError, match=r"data\.root=.*cifar-10-batches-py.*data\.download=true"):
        build(tmp_path)
    write_python(tmp_path)
    (tmp_path / "data_batch_3").unlink()
    with pytest.raises(ValueError, match=r"data_batch_3 cannot be read"):
        build(tmp_path)


def test_a_download_ends_where_the_files_are_looked_for(tmp_path, monkeypatch):
    def fetch(folder: str, download: bool) -> None:
        write_python_two(Path(folder))

    monkeypatch.setattr("torchvision.datasets.CIFAR10", fetch)
    assert build(tmp_path / "data", download=True).splits["train"].size == 80


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[: len(content) // 2], "damaged or no pickle"),
        (lambda content: b"", "damaged or no pickle"),
        (lambda content: b"<html>not found</html>", "damaged or no pickle|has the instruction"),
        (lambda content: pickle.dumps([1, 2], protocol=2), "holds a list, not a dict"),
        (lambda content: pickle.dumps({"labels": [1]}, protocol=2), "needs an array `data` and a list `labels`"),
        (lambda content: _table(np.zeros((1, 3072), np.uint8), [10]), "from 0 to 9"),
        (
            lambda content: _table(np.zeros((1, 3072), np.uint8), [1, 2]),
            r"2 labels and pictures of the shape \(1, 3072",
        ),
        (lambda content: _table(np.zeros((1, 3072), np.float32), [1]), "not of bytes"),
        (lambda content: _table(np.zeros((1, 3072), object), [1]), "not of bytes|another kind"),
        (lambda content: _table(np.asfortranarray(np.zeros((2, 3072), np.uint8)), [1, 2]), "not of bytes"),
    ],
)
def test_a_damaged_file_is_named_with_its_fault(damage, message, tmp_path):
    write_python(tmp_path)
    (tmp_path / "data_batch_2").write_bytes(damage(pickled("data_batch_2")))
    with pytest.raises(ValueError, match=message) as error:
        build(tmp_path)
    assert "data_batch_2" in str(error.value)


def _table(data: np.ndarray, labels: list[int]) -> bytes:
    return pickle.dumps({"data": data, "labels": labels}, protocol=2)


@pytest.mark.parametrize("content", [b"", b"\x01" * 3072, b"\x0a" * 3073])
def test_a_damaged_binary_file_is_named_with_its_fault(content, tmp_path):
    write_binary(tmp_path)
    (tmp_path / "cifar-10-batches-bin" / "test_batch.bin").write_bytes(content)
    with pytest.raises(ValueError, match=r"test_batch\.bin (is empty or truncated|has labels)"):
        build(tmp_path)


class Runs:
    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_that_runs_code_is_refused_by_the_name_of_what_it_runs(protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps({"data": Runs(), "labels": []}, protocol=protocol)
    with pytest.raises(ValueError, match=r"data_batch_1 is refused: it asks for posix\.mkdir"):
        parse_pickle(content, "data_batch_1")
    assert not (tmp_path / "ran").exists()


def _nested(depth: int) -> bytes:
    return b"\x80\x02}" + b")" + b"\x85" * depth + b"K\x01s."


def _doubled(times: int) -> bytes:
    """A tuple of a tuple twice, and so on: few bytes, and a hash that never ends."""
    pairs = b"".join(b"q" + bytes([place]) + b"h" + bytes([place]) + b"\x86" for place in range(times))
    return b"\x80\x02})" + pairs + b"K\x01s."


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02r\xff\xff\xff\x7f.",
        b"\x80\x02]r\xff\xff\xff\x7f.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f]\x94.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
        b"\x80\x02]" * 10,
        b"\x80\x02(" + b"]" * MOST_INSTRUCTIONS + b"l.",
        _nested(100_000),
        _doubled(60),
        b"\x80\x02cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85R.",
        b"\x80\x02cnumpy\nndarray\nN}U\x04makeK\x01s\x86b.",
        b"\x80\x02cnumpy\nndarray\n}U\x04makeK\x01sb.",
        b"\x80\x02cnumpy\nndarray\n)\x81.",
        b"\x80\x02K\x01Q.",
        b"\x80\x02\x8a\xff" + b"\xff" * 255 + b".",
    ],
    ids=[
        "memo",
        "memo of a list",
        "frame",
        "bytes",
        "repeated",
        "many",
        "nested",
        "doubled",
        "array",
        "slot",
        "attribute",
        "new",
        "id",
        "number",
    ],
)
def test_no_pickle_takes_long_or_much_memory(content):
    tracemalloc.start()
    start = time.monotonic()
    with pytest.raises(ValueError, match="a file"):
        read_plain_pickle(content, "a file")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - start < 60
    assert peak < 100e6


def test_plain_values_are_read_as_python_reads_them():
    value = {"a": [1, 255, 70_000, -3], "b": (b"x" * 300, "é", None, True), "c": {"d": []}, "e": ["a", "a"]}
    for protocol in (3, 4, 5):
        assert read_plain_pickle(pickle.dumps(value, protocol), "a file") == value


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:300]), "truncated or damaged"),
        (lambda path: path.write_bytes(b"<html>"), "truncated or damaged"),
        (lambda path: _crowded(path), "more than 20 files"),
        (lambda path: _inflated(path), "a part of it is too large"),
        (lambda path: _large(path), "more than 40,000,000"),
        (lambda path: tarfile.open(path, "w:gz").close(), "it has no data_batch_1"),
    ],
)
def test_a_damaged_archive_is_named(damage, message, tmp_path):
    write_archive(tmp_path)
    damage(tmp_path / "cifar-10-python.tar.gz")
    with pytest.raises(ValueError, match=message) as error:
        build(tmp_path)
    assert "cifar-10-python.tar.gz" in str(error.value)


def _large(path: Path) -> None:
    member = tarfile.TarInfo("data_batch_1")
    member.size = 1 << 40
    path.write_bytes(b"")
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(member)


def _crowded(path: Path) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for number in range(200):
            tar.addfile(tarfile.TarInfo(f"file_{number}"))


def _inflated(path: Path) -> None:
    """A header that goes on for 300 MB, of which gzip makes 300 kB."""
    member = tarfile.TarInfo("long")
    member.type, member.size = tarfile.XHDTYPE, 300_000_000
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(member.tobuf())
        for _ in range(300):
            file.write(bytes(1_000_000))


@given(
    place=st.integers(0, 10_000), byte=st.binary(min_size=1, max_size=3), part=st.sampled_from([pickled, python_two])
)
@settings(max_examples=200)
def test_a_pickle_with_any_other_bytes_is_read_or_named(place, byte, part):
    content = part("test_batch")
    place = place % 400 if place % 2 else place % len(content)  # what is not pixels lies at the ends
    for start in (place, len(content) - place):
        changed = content[:start] + byte + content[start + len(byte) :]
        try:
            images, labels = parse_pickle(changed, "a file")
        except ValueError as error:
            message = str(error)
            assert message.startswith("a file")
        else:
            assert len(images) == len(labels)
