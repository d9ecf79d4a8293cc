"""Samples a second of tar shards, Parquet and a folder of the same pictures, through the same loader.

`python benchmarks/shards.py [--pictures 2000] [--side 256] [--workers 2]` makes the pictures (JPEG, of noise smoothed
like photographs), opens each source once, and then reads it in turns. What counts is the median ratio of a turn: other
work on the machine slows both halves of a turn alike. The files lie in the page cache: it measures what shards cost in
time of processors, not what they save in reading from disks. A second table has the time of opening, without and with
an index, and of an order of ten million examples.
"""

import argparse
import io
import json
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from diptych.data import FolderData, HuggingFaceData, WebDatasetData
from diptych.data.module import DataModule
from diptych.data.shards.order import BlockOrder

SHARD_PICTURES, ROW_GROUP, BATCH, TURNS = 500, 100, 64, 5
SETTINGS = {
    **{"val_share": 0.0, "test_share": 0.0, "on_error": "raise", "image_size": 64, "random_crop": True},
    **{"captions_per_image": 1, "min_count": 1, "max_length": 20, "tokenizer": "word", "batch_size": BATCH},
}


def pictures(number: int, side: int) -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    return {f"{i:06d}.jpg": _jpeg(rng, side) for i in range(number)}


def _jpeg(rng: np.random.Generator, side: int) -> bytes:
    small = Image.fromarray(rng.integers(0, 255, (side // 8, side // 8, 3), np.uint8))
    file = io.BytesIO()
    small.resize((side + side // 4, side), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def write_folder(root: Path, made: Mapping[str, bytes]) -> None:
    for name, content in made.items():
        (root / name).write_bytes(content)
    lines = (json.dumps({"file_name": name, "text": _caption(name)}) for name in made)
    (root / "metadata.jsonl").write_text("\n".join(lines))


def write_tars(root: Path, made: Mapping[str, bytes]) -> None:
    names = list(made)
    for start in range(0, len(names), SHARD_PICTURES):
        with tarfile.open(root / f"{start:08d}.tar", "w") as tar:
            for name in names[start : start + SHARD_PICTURES]:
                for member, content in ((name, made[name]), (f"{name[:6]}.txt", _caption(name).encode())):
                    info = tarfile.TarInfo(member)
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))


def write_parquet(root: Path, made: Mapping[str, bytes]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"image": list(made.values()), "file_name": list(made), "text": [_caption(name) for name in made]}
    pq.write_table(pa.table(columns), root / "all.parquet", row_group_size=ROW_GROUP)


def _caption(name: str) -> str:
    return f"picture number {int(name[:6]) % 50}"


FOLDER = {"captions": None, "images": None, "split_files": None}
SOURCES: dict[str, tuple[Callable[[Path, Mapping[str, bytes]], None], type[DataModule], dict[str, Any]]] = {
    "folder": (write_folder, FolderData, FOLDER),
    "tar": (write_tars, WebDatasetData, {"shards": ".", "shuffle_shards": 4}),
    "parquet": (write_parquet, HuggingFaceData, {"shuffle_shards": 8}),
}


def opened(name: str, root: Path, workers: int) -> tuple[DataModule, float]:
    """The data, and the seconds that opening them took."""
    _, kind, more = SOURCES[name]
    data: Any = kind(root=root, num_workers=workers, **SETTINGS, **more)  # pyright: ignore[reportCallIssue]
    started = perf_counter()
    data.setup()
    return data, perf_counter() - started


def rates(loaders: Mapping[str, Any], batches: int) -> dict[str, list[float]]:
    """Samples a second of each loader in each turn."""
    found: dict[str, list[float]] = {name: [] for name in loaders}
    for _ in range(TURNS):
        for name, loader in loaders.items():
            started = perf_counter()
            for _ in islice(loader, batches):
                pass
            found[name].append(batches * BATCH / (perf_counter() - started))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sources", nargs="+", default=list(SOURCES), choices=list(SOURCES))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        made = pictures(args.pictures, args.side)
        loaders, opening = {}, []
        for name in args.sources:
            root = Path(place) / name
            root.mkdir()
            SOURCES[name][0](root, made)
            _, first = opened(name, root, args.workers)
            data, second = opened(name, root, args.workers)
            loaders[name] = iter(data.train_dataloader())
            opening.append(f"| {name} | {first:.2f} | {second:.2f} |")
        found = rates(loaders, max(1, args.pictures // BATCH))
    print("| source | samples/s | of the folder's |\n| --- | --- | --- |")
    for name, each in found.items():
        ratio = median(mine / folder for mine, folder in zip(each, found["folder"], strict=True))
        print(f"| {name} | {median(each):,.0f} | {ratio:.2f} |")
    print("\n| source | seconds of the first opening | of the next |\n| --- | --- | --- |", *opening, sep="\n")
    started = perf_counter()
    BlockOrder(np.arange(10_000_000) // 1000, 16).order(0, 0)
    print(f"\nan order of ten million examples in 10,000 shards: {perf_counter() - started:.1f} seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
