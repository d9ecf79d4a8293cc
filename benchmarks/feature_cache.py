"""Compare filling a cache of features with the bare work, decoding pictures and the backbone, as Markdown.

`python benchmarks/feature_cache.py` writes noise photographs and random weights of MobileNetV2. Turn by turn in one
process, it fills an empty cache through a run's own code, and does the same without keeping anything: JPEG files are
decoded and encoded in batches of the same size. It also reads batches back, as training does, against decoding and
encoding them.
"""

import tempfile
from itertools import islice
from pathlib import Path
from shutil import rmtree
from statistics import median
from time import process_time

import torch
from PIL import Image

from diptych.config import Config
from diptych.config.composition import compose
from diptych.data.feature_cache.filling import AT_ONCE
from diptych.data.squares import read_square
from diptych.models.mobilenets import MobileNetV2
from diptych.runs.assembly import Built, assemble
from diptych.runs.build import build_data
from diptych.runs.images.cached_features import use_cached_features

PICTURES, SIDE, ROUNDS = 256, 160, 3
MODEL = ("model=cnn_rnn_attention", "data=folder", "image_encoder=mobilenet_v2", "cache_features=true", "tracking=none")
DATA = (f"data.image_size={SIDE}", "data.random_crop=false", "data.num_workers=0", f"data.batch_size={AT_ONCE}")


def configured(folder: Path) -> Config:
    """A run on noise photographs in the folder, with random weights."""
    rng, names = torch.Generator().manual_seed(0), ["file_name,text"]
    for number in range(PICTURES):
        coarse = torch.rand(1, 3, 20, 20, generator=rng)
        pixels = torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic").clamp(0, 1)[0]
        Image.fromarray((255 * pixels).byte().permute(1, 2, 0).numpy()).save(folder / f"{number}.jpg", quality=85)
        names.append(f"{number}.jpg,picture {number}")
    (folder / "metadata.csv").write_text("\n".join(names))
    torch.save(MobileNetV2(weights=None, finetune=True).state_dict(), folder / "weights.pt")
    return compose([*MODEL, *DATA, f"data.root={folder}", f"image_encoder.weights={folder / 'weights.pt'}"])


def fill(folder: Path, config: Config, built: Built) -> float:
    """Seconds to fill an empty cache."""
    for kept in (folder / ".diptych").glob("features-*"):
        rmtree(kept)
    start = process_time()
    use_cached_features(config, built.data, built.system)
    return process_time() - start


def bare(folder: Path, built: Built) -> float:
    """Seconds to decode and encode the pictures of the train and val splits, and to keep nothing."""
    names = [
        built.data.splits[split].pictures[i].path for split in ("train", "val") for i in range(_size(built, split))
    ]
    encoder = built.system.image_encoder.eval().to(memory_format=torch.channels_last)
    start = process_time()
    with torch.inference_mode():
        for first in range(0, len(names), AT_ONCE):
            squares = torch.stack([read_square(path, SIDE) for path in names[first : first + AT_ONCE]])
            encoder((squares.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last))
    encoder.to(memory_format=torch.contiguous_format)
    return process_time() - start


def read(built: Built) -> float:
    """Seconds to read as many training pictures as there are from the cache."""
    start = process_time()
    for _ in islice(built.data.train_dataloader(), _size(built, "train") // AT_ONCE):
        pass
    return process_time() - start


def _size(built: Built, split: str) -> int:
    return built.data.splits[split].size


def main() -> None:
    """Time all of it."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = configured(folder)
        built = assemble(config, lambda: build_data(config), dict)
        bare(folder, built)
        times = [(fill(folder, config, built), bare(folder, built), read(built)) for _ in range(ROUNDS)]
    filling, working, reading = (median(column) for column in zip(*times, strict=True))
    print("## Cache of features: MobileNetV2 at 160 px\n")
    print(f"{PICTURES} pictures in batches of {AT_ONCE}, one thread; medians of {ROUNDS} turns, processor time.\n")
    print("| fill, ms a picture | decode and backbone alone | share of its speed | reading back | times as fast |")
    print("|---|---|---|---|---|")
    ms = [1e3 * seconds / PICTURES for seconds in (filling, working, reading)]
    print(f"| {ms[0]:.2f} | {ms[1]:.2f} | **{working / filling:.0%}** | {ms[2]:.2f} | **{working / reading:.0f}** |")


if __name__ == "__main__":
    main()
