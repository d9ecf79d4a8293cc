"""How long an indexed folder takes to open, and in how much memory.

`python benchmarks/folder_index.py [PICTURES]` writes so many small JPEG files with captions (default 100,000) into a
temporary folder and opens it four times, each in a new process: to index it, as it is, after one file was changed, and
again. Seconds (of the clock, and of processors) and the peak of memory are those of opening, beyond imports; each
opening looks at all files.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from PIL import Image

DIFFERENT = 500
WORDS = ("a", "big", "red", "dog", "cat", "runs", "sleeps", "on", "under", "the", "grass", "table", "beside", "river")


def write(folder: Path, number: int) -> None:
    """Pictures of noise, 32 x 32 pixels, in folders of a thousand, with a caption of ten words each."""
    rng = np.random.default_rng(0)
    files = []
    for each in range(DIFFERENT):
        file = folder / f"{each}.tmp"
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(file, "JPEG")
        files.append(file.read_bytes())
        file.unlink()
    with (folder / "metadata.jsonl").open("w") as captions:
        for each in range(number):
            name = f"{each // 1000:04}/{each:08}.jpg"
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(files[each % DIFFERENT] + each.to_bytes(4, "little"))
            text = " ".join(rng.choice(WORDS, 10))
            captions.write(json.dumps({"file_name": name, "text": text}) + "\n")


def opened(folder: Path) -> None:
    """In a process of its own: open the folder, and print seconds, MB and the number of pictures."""
    from diptych.config.components import build
    from diptych.config.datasets import composed_data

    config = composed_data(str(folder), ["data.on_error=skip"])
    data = build(config["data"], "data", {"seed": config["seed"]})
    _open_small()
    before, start, cpu = peak(), perf_counter(), process_time()
    data.setup()
    seconds = (perf_counter() - start, process_time() - cpu)
    print(json.dumps([*seconds, peak() - before, sum(split.size for split in data.splits.values())]))


def peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _open_small() -> None:
    """Import what opening imports."""
    from diptych.config.components import build
    from diptych.config.datasets import composed_data

    with tempfile.TemporaryDirectory() as small:
        for number in range(4):
            Image.new("RGB", (8, 8)).save(f"{small}/{number}.png")
        rows = "".join(json.dumps({"file_name": f"{n}.png", "text": "a dog"}) + "\n" for n in range(4))
        Path(small, "metadata.jsonl").write_text(rows)
        config = composed_data(small, [])
        build(config["data"], "data", {"seed": 0}).setup()


def main() -> None:
    """Print a table."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, number)
        print(f"{'opening ' + format(number, ','):32}{'seconds':>9}{'CPU':>7}{'MB':>7}{'pictures':>10}")
        for label in ("the first time", "again", "after one file is damaged", "again"):
            if "damaged" in label:
                (folder / "0000" / "00000007.jpg").write_bytes(b"no picture")
            child = subprocess.run([sys.executable, __file__, "--open", name], capture_output=True, text=True)
            if child.returncode:
                raise SystemExit(child.stderr)
            seconds, cpu, megabytes, pictures = json.loads(child.stdout.splitlines()[-1])
            print(f"{label:32}{seconds:>9.1f}{cpu:>7.1f}{megabytes:>7.0f}{pictures:>10,}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--open"]:
        opened(Path(sys.argv[2]))
    else:
        main()
