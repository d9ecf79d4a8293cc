import gzip
import shutil
import struct
from pathlib import Path

import pytest
import torch

from diptych.data import ExampleRequest, FashionMnistData, MnistData
from diptych.data.labelled.idx import read_idx

PARTS = {"train": 40, "t10k": 20}


def idx_bytes(values: torch.Tensor) -> bytes:
    header = struct.pack(f">BBBB{values.dim()}I", 0, 0, 8, values.dim(), *values.shape)
    return header + values.to(torch.uint8).numpy().tobytes()


@pytest.fixture
def mnist_folder(tmp_path: Path) -> Path:
    """Forty and twenty pictures, each of one grey: six times its digit; one half plain, one half gzipped."""
    for part, number in PARTS.items():
        labels = torch.arange(number) % 10
        images = (6 * labels)[:, None, None].expand(-1, 28, 28)
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    return tmp_path


def build(root: Path, kind: type[MnistData] = MnistData, **changes) -> MnistData:
    values = {"download": False, "image_size": 28, "channels": 1, "captions_per_image": 1, "val_size": 10}
    data = kind(root=root, **(values | {"test_size": None, "tokenizer": "word", "batch_size": 4} | changes))
    data.setup()
    return data


def test_plain_and_gzipped_files_give_pictures_with_their_labels(mnist_folder):
    data = build(mnist_folder)
    assert {name: split.size for name, split in data.splits.items()} == {"train": 30, "val": 10, "test": 20}
    example = data.splits["test"][ExampleRequest(7)]
    assert example.references[1] == "a handwritten seven"
    batch = next(iter(data.test_dataloader()))
    assert torch.allclose(batch.images[3], torch.tensor(18 / 127.5 - 1))


def test_pictures_can_be_enlarged_and_the_test_set_shortened(mnist_folder):
    data = build(mnist_folder, image_size=32, channels=3, test_size=5)
    batch = next(iter(data.test_dataloader()))
    assert batch.images.shape == (4, 3, 32, 32)
    assert data.splits["test"].size == 5


def test_validation_and_training_split_the_training_set(mnist_folder):
    splits = build(mnist_folder).splits
    assert sorted([*splits["train"].chosen, *splits["val"].chosen]) == list(range(40))


def test_few_pictures_train_and_validation_stays(mnist_folder):
    few, every = build(mnist_folder, train_size=10).splits, build(mnist_folder).splits
    assert few["train"].chosen == every["train"].chosen[:10]
    assert few["val"].chosen == every["val"].chosen


def test_clothes_are_read_as_digits_and_named_as_clothes(mnist_folder):
    digits, clothes = build(mnist_folder), build(mnist_folder, FashionMnistData)
    for split in ("train", "val", "test"):
        assert clothes.splits[split].size == digits.splits[split].size
    example = clothes.splits["test"][ExampleRequest(9)]
    assert torch.equal(example.image, digits.splits["test"][ExampleRequest(9)].image)
    assert example.labels == ("ankle boot",)
    assert example.references[0] == "an ankle boot"
    assert clothes.spec.labels[1] == "trousers"
    assert clothes.splits["train"][ExampleRequest(0)].key.startswith("fashion_mnist/train/")


def test_clothes_are_downloaded_from_their_own_place(mnist_folder, tmp_path, monkeypatch):
    def fetch(folder: str, download: bool) -> None:
        shutil.copytree(mnist_folder, Path(folder, "FashionMNIST", "raw"), ignore=shutil.ignore_patterns("data"))

    monkeypatch.setattr("torchvision.datasets.FashionMNIST", fetch)
    assert build(tmp_path / "data", FashionMnistData, download=True).splits["train"].size == 30
    with pytest.raises(ValueError, match="FashionMNIST's four idx files"):
        build(tmp_path / "nowhere", FashionMnistData)


def test_missing_files_are_named_with_the_fix(tmp_path):
    with pytest.raises(ValueError, match=r"data\.root=.*train-images-idx3-ubyte.*data\.download=true"):
        build(tmp_path / "nowhere")


def test_pictures_and_labels_must_be_equally_many(mnist_folder):
    (mnist_folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(torch.zeros(3))))
    with pytest.raises(ValueError, match="20 test pictures but 3 labels"):
        build(mnist_folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: whole[:-1], "truncated: its header announces"),
        (lambda whole: whole[:9], "ends within its header"),
        (lambda whole: whole + b"\0", "too long"),
        (lambda whole: b"\0\0\x0d\3" + whole[4:], "starts with 00000d03, not 00000803"),
        (lambda whole: b"<html>not found</html>", "not an idx file"),
        (lambda whole: b"", "starts with nothing"),
        (lambda whole: gzip.compress(whole)[:-9], "truncated or damaged"),
        (lambda whole: b"\x1f\x8b" + whole, "truncated or damaged"),
    ],
)
def test_a_damaged_file_is_named_with_its_fault(tmp_path, damage, message):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(damage(idx_bytes(torch.arange(24).reshape(2, 3, 4))))
    with pytest.raises(ValueError, match=message) as error:
        read_idx(path, axes=3)
    assert str(path) in str(error.value)


def test_a_small_file_that_holds_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    monkeypatch.setattr("diptych.data.labelled.idx.MOST_BYTES", 1_000)
    path.write_bytes(gzip.compress(bytes((0, 0, 8, 3)) + struct.pack(">3I", 1, 250, 400) + bytes(100_000)))
    with pytest.raises(ValueError, match="too long: its header announces 100,000 bytes"):
        read_idx(path, axes=3)


def test_an_idx_file_is_read_as_written(tmp_path):
    values = torch.arange(24).reshape(2, 3, 4)
    path = tmp_path / "x"
    path.write_bytes(idx_bytes(values))
    assert torch.equal(read_idx(path, axes=3), values.to(torch.uint8))


def test_the_real_files_are_complete(shared_data):
    data = build(shared_data / "mnist", val_size=5000)
    assert {name: split.size for name, split in data.splits.items()} == {"train": 55000, "val": 5000, "test": 10000}
    example = data.splits["test"][ExampleRequest(0)]
    assert example.references[0] == "a seven"
    assert example.image.float().mean().item() == pytest.approx(23.5, abs=0.5)


def test_a_download_replaces_the_files_of_an_interrupted_one(mnist_folder, tmp_path, monkeypatch):
    root = tmp_path / "data"
    (root / "MNIST" / "raw").mkdir(parents=True)
    (root / "MNIST" / "raw" / "train-images-idx3-ubyte.gz").write_bytes(b"half of it")

    def fetch(folder: str, download: bool) -> None:
        assert download
        shutil.copytree(mnist_folder, Path(folder, "MNIST", "raw"), ignore=shutil.ignore_patterns("data"))

    monkeypatch.setattr("torchvision.datasets.MNIST", fetch)
    assert build(root, download=True).splits["train"].size == 30
