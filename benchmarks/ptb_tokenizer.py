"""How often our Penn Treebank words equal those of Stanford's tokenizer, on captions outside the development half.

`python benchmarks/ptb_tokenizer.py [FOLDER]` reads `coco_fakecap` (captions with the Java tokenizer's own output, and
pairs on which a simple rule is wrong) in FOLDER, by default `../shared/data` beside the repository.
A hash of the raw text splits captions into two halves; the rules were written from the development half alone.
"""

import gzip
import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from diptych.metrics.captions.ptb import split_ptb

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
HALVES = ("development", "held out")

Pair = tuple[str, str]


def half_of(raw: str) -> str:
    """The half of a caption: the last bit of its SHA-256's first byte."""
    return HALVES[hashlib.sha256(raw.encode()).digest()[0] % 2]


def read_pairs(data: Path) -> dict[str, list[Pair]]:
    """Raw captions with the Java tokenizer's output, by kind."""
    folder = data / "coco_fakecap"
    rows = json.loads(gzip.decompress((folder / "coco_fakecap_1000.json.gz").read_bytes()))
    hard = json.loads(gzip.decompress((folder / "ptb_hard_pairs.json.gz").read_bytes()))
    ordinary = [(row["hyp"], row["hyp_ptb"]) for row in rows]
    ordinary += [pair for row in rows for pair in zip(row["refs"], row["refs_ptb"], strict=True)]
    return {"ordinary captions": ordinary, "hard pairs": [(raw, words) for raw, words in hard]}


def agreement(pairs: Iterable[Pair], half: str) -> tuple[int, int]:
    """The number of the half's captions with all tokens right, and the number of captions."""
    same = [split_ptb(raw) == words for raw, words in pairs if half_of(raw) == half]
    return sum(same), len(same)


def table(data: Path) -> str:
    """Print the tables in Markdown."""
    rows = ["| captions | half | every token equal | of | share |", "| --- | --- | ---: | ---: | ---: |"]
    for kind, pairs in read_pairs(data).items():
        for half in HALVES:
            same, total = agreement(pairs, half)
            rows.append(f"| {kind} | {half} | {same:,} | {total:,} | {same / total:.2%} |")
    return "\n".join(rows)


def main(arguments: list[str]) -> None:
    data = Path(arguments[0]) if arguments else DATA
    if not (data / "coco_fakecap").is_dir():
        print(f"skipped: no coco_fakecap in {data} (name the folder that holds it)")
        return
    print(table(data))


if __name__ == "__main__":
    main(sys.argv[1:])
