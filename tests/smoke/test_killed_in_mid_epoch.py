"""A run over one's own pictures, killed in the middle of a pass and resumed, has seen what an undisturbed run sees."""

import json
import signal
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import processes
import pytest
from PIL import Image

from diptych.cli.main import main
from diptych.runs.folder.find import all_runs
from diptych.runs.folder.layout import RunFolder
from sameness import differences_of_runs

pytestmark = pytest.mark.slow

CONF = Path(__file__).resolve().parents[1] / "support" / "conf"
PICTURES, BATCH, BUDGET, STRIKE = 44, 8, 128, 72
"""Passes of 44 pictures do not end with batches of 8; the kill falls into the second one."""
ROLL = "roll"
TRAIN = [
    *("train", "--config-dir", str(CONF), "model=tiny_captioner", f"budget_images={BUDGET}"),
    *(f"data.batch_size={BATCH}", "data.captions_per_image=1", "validate_every_images=64"),
    *("callbacks.checkpoints.every_images=32", "callbacks.metrics_log.every_images=8"),
    *(
        "data.augmentation={flip: true, crop: 0.8, colour: 0.2}",
        f"+callbacks.roll={{_target_: tinyparts.Roll, file: {ROLL}}}",
    ),
]
ON_TWO_DEVICES = "shards_on_two_devices"
TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.threads=1"]


@dataclass(frozen=True)
class Whole:
    """An undisturbed run in `folder`, and the command that starts another one like it."""

    folder: Path
    command: list[str]

    @property
    def run(self) -> RunFolder:
        return the_run(self.folder)


@pytest.fixture(autouse=True)
def _nothing_is_left_running():
    yield
    processes.kill_all()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """A folder of pictures, all but four of which train, and the same ones packed."""
    root = tmp_path_factory.mktemp("data") / "pictures"
    root.mkdir()
    rows = []
    for number in range(PICTURES + 4):
        split = ("val", "test")[number % 2] if number >= PICTURES else "train"
        pixels = np.random.default_rng(number).integers(0, 255, (14, 12, 3), np.uint8)
        Image.fromarray(pixels).save(root / f"{number}.png")
        rows.append({"file_name": f"{number}.png", "text": [f"picture {number % 7}", "any picture"], "split": split})
    (root / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert main(["data", "pack", str(root), "--out", str(root.parent / "packed"), "--samples", "5"]) == 0
    return root


@pytest.fixture(scope="module")
def whole(request, pictures, tmp_path_factory) -> Whole:
    packed = ["data=webdataset", f"data.root={pictures.parent / 'packed'}", 'data.shards="*.tar"']
    data = ["data=folder", f"data.root={pictures}"] if request.param == "folder" else [*packed, "data.shuffle_shards=3"]
    devices = TWO if request.param == ON_TWO_DEVICES else []
    folder = tmp_path_factory.mktemp(request.param)
    command = [*TRAIN, *data, *devices]
    assert processes.finish(command, folder) == 0, processes.said(folder)
    return Whole(folder, command)


@pytest.mark.parametrize(
    ("whole", "workers"),
    [("folder", 0), ("folder", 2), ("shards", 0), ("shards", 2), (ON_TWO_DEVICES, 2)],
    indirect=["whole"],
)
def test_each_example_is_seen_once_a_pass_and_the_weights_are_the_same(whole, tmp_path, workers):
    strike = f"+callbacks.strike={{_target_: tinyparts.Strike, images: {STRIKE}, rank: {int(TWO[0] in whole.command)}}}"
    code = processes.finish([*whole.command, strike, f"data.num_workers={workers}"], tmp_path)
    assert code == (1 if TWO[0] in whole.command else -signal.SIGKILL), processes.said(tmp_path)
    before = seen_in(tmp_path)
    assert STRIKE in before
    assert BUDGET not in before
    again = ["resume", the_run(tmp_path).run_id, "callbacks.strike=null", "--trust", "tinyparts"]
    assert processes.finish(again, tmp_path) == 0, processes.said(tmp_path)
    assert_a_pass_has_each_once(seen_in(tmp_path))
    assert seen_in(tmp_path) == seen_in(whole.folder)
    assert differences_of_runs(the_run(tmp_path), whole.run) == []


def assert_a_pass_has_each_once(seen: dict[int, list[str]]) -> None:
    draws = [key for _, keys in sorted(seen.items()) for key in keys]
    assert len(draws) == BUDGET
    for start in range(0, BUDGET - PICTURES + 1, PICTURES):
        assert len(set(draws[start : start + PICTURES])) == PICTURES


def seen_in(folder: Path) -> dict[int, list[str]]:
    """The examples of each step, of all devices together; a step that was taken twice saw the same ones."""
    of_devices = [_steps(file) for file in sorted(folder.glob(f"{ROLL}-*.txt"))]
    return {images: [key for steps in of_devices for key in steps.get(images, [])] for images in of_devices[0]}


def _steps(file: Path) -> dict[int, list[str]]:
    steps: defaultdict[int, list[list[str]]] = defaultdict(list)
    for line in file.read_text(encoding="utf-8").splitlines():
        images, *keys = line.split()
        steps[int(images)].append(keys)
    assert all(keys == times[0] for times in steps.values() for keys in times)
    return {images: times[0] for images, times in steps.items()}


def the_run(folder: Path) -> RunFolder:
    (run,) = all_runs(folder / "outputs")
    return run
