"""Whether training on photographs runs at the speed of the model: images per second from files and from memory.

`python benchmarks/photographs.py [PHOTOGRAPHS] [OVERRIDE …]` writes JPEG files of 640 x 480 pixels (default 1,000) and
trains a DCGAN at 64 pixels on them (`data=folder`), by turns from the files and from squares that were decoded before;
the median of the ratios counts. Overrides are those of `diptych train`, such as `data.num_workers=1`. With `--packed`
the files are those of `diptych data pack` (`data=webdataset`), and with `--packed 64` those of its `--size 64`.
"""

import argparse
import json
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image
from pytorch_lightning import Callback, Trainer

from diptych.config.components import build
from diptych.config.composition import compose
from diptych.data import DataModule, Example, ExampleRequest, Examples
from diptych.data.loading.loader import end_workers
from diptych.data.packing.job import Packing
from diptych.data.packing.plan import Plan
from diptych.runs.build import build_system
from diptych.runs.trainer import quiet

WARM_UP, BATCHES, PAIRS = 4, 16, 5
PICTURES_OF_A_SHARD = 100


@dataclass(frozen=True)
class InMemory:
    """The examples as they are at their first request."""

    examples: Examples
    held: list[Example]

    @property
    def size(self) -> int | None:
        return self.examples.size

    def captions_of(self, index: int) -> tuple[str, ...]:
        return self.examples.captions_of(index)

    def __getitem__(self, request: ExampleRequest) -> Example:
        return self.held[request.index]


def write(folder: Path, number: int) -> None:
    """Pictures with structure at all sizes, about 60 kB each, with one caption."""
    rng = np.random.default_rng(0)
    with (folder / "metadata.jsonl").open("w") as captions:
        for each in range(number):
            layers = (rng.normal(0, 40, (48 // s, 64 // s, 3)).repeat(10 * s, 0).repeat(10 * s, 1) for s in (1, 4, 16))
            pixels = 128 + sum(layers) + rng.normal(0, 8, (480, 640, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{each}.jpg", quality=90)
            captions.write(json.dumps({"file_name": f"{each}.jpg", "text": f"a photograph of {each % 10}"}) + "\n")


class Pace(Callback):
    """Stops after some batches; the first ones do not count."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.times.append(perf_counter())
        trainer.should_stop = len(self.times) >= WARM_UP + BATCHES

    def images_per_second(self, batch_size: int) -> float:
        """Of the batches that count."""
        return BATCHES * batch_size / (self.times[-1] - self.times[WARM_UP - 1])


def trained(config: dict[str, Any], examples: Examples | None) -> tuple[float, DataModule]:
    """Images per second of a new generator, with these training examples in place of the data's own."""
    data = build(config["data"], "data", {"seed": 0})
    data.setup()
    if examples is not None:
        data.splits = {**data.splits, "train": examples}
    system = build_system(config, data.spec, {})
    pace = Pace()
    with quiet():
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=-1,
            callbacks=[pace],
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(system, datamodule=data)
    end_workers()
    return pace.images_per_second(data.batch_size), data


def packed(folder: list[str], side: int | None, out: str) -> list[str]:
    """The data of a folder in shards, as overrides."""
    config = compose(["model=dcgan", "text_encoder=gru", "data=folder", *folder])
    data = build(config["data"], "data", {"seed": 0})
    data.setup()
    Packing(Plan.of(data, samples=PICTURES_OF_A_SHARD, side=side), Path(out)).run(lambda _: None)
    return ["data=webdataset", f"data.root={out}", 'data.shards="*.tar"', "data.test_share=0"]


def asked() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", metavar="PHOTOGRAPHS", type=int, nargs="?", default=1_000)
    parser.add_argument("overrides", metavar="OVERRIDE", nargs="*", default=[])
    parser.add_argument(
        "--packed", metavar="PIXELS", type=int, nargs="?", const=0, help="from tar files (0: as they are)"
    )
    return parser.parse_intermixed_args()


def main() -> None:
    """Print a line a pair, and the median of their ratios."""
    args = asked()
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as shards:
        write(Path(name), args.number)
        folder = [f"data.root={name}", "data.val_share=0.01", "data.test_share=0"]
        files = ["data=folder", *folder] if args.packed is None else packed(folder, args.packed or None, shards)
        config = compose(["model=dcgan", "text_encoder=gru", *files, *args.overrides])
        _, data = trained(config, None)
        examples = data.splits["train"]
        held = InMemory(examples, [examples[ExampleRequest(index, index)] for index in range(examples.size or 0)])
        ratios = []
        for _ in range(PAIRS):
            from_files, from_memory = trained(config, None)[0], trained(config, held)[0]
            ratios.append(from_files / from_memory)
            print(
                f"{from_files:7.1f} images/s from files, {from_memory:7.1f} from memory: {ratios[-1]:.3f}", flush=True
            )
        print(f"median {median(ratios):.3f}")


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main()
