"""Compare our BLEU, ROUGE-L and CIDEr-D with pycocoevalcap's, on 5,000 pictures with 5 references each, as Markdown.

`python benchmarks/caption_metrics.py [CAPTIONS.json]` uses COCO's captions_val2017.json, by default beside the
repository, or sentences of the embedded world without it. One caption of each picture is the candidate; the others and
one of the next picture are its references. References are prepared once; every round has new candidates. Our time
starts from raw text, theirs from words. Rounds alternate in one process, and medians of processor time are compared.
The public package (`pip install pycocoevalcap`) is left out if it is not installed.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from time import process_time
from typing import Any

from diptych.metrics.captions import PTB, SCORES, References
from diptych.world import Grammar, WorldSpec, scene_at

CAPTIONS = Path(__file__).resolve().parents[2] / "shared" / "data" / "coco_val2017_captions" / "captions_val2017.json"
PICTURES, CAPTIONS_EACH = 5_000, 5
ROUNDS = 5


def read_captions(path: Path) -> list[list[str]]:
    """The captions of each picture."""
    if not path.is_file():
        grammar, scenes = Grammar(), (scene_at(WorldSpec(), "train", 0, index) for index in range(PICTURES))
        return [[grammar.describe(scene, Random(i)) for i in range(CAPTIONS_EACH)] for scene in scenes]
    captions: dict[int, list[str]] = {}
    for entry in json.loads(path.read_text(encoding="utf-8"))["annotations"]:
        captions.setdefault(entry["image_id"], []).append(entry["caption"])
    return list(captions.values())[:PICTURES]


def candidates_in(captions: list[list[str]], round_number: int) -> dict[int, str]:
    """The first caption of each picture, with one word removed from the second round on."""
    words = [texts[0].split() for texts in captions]
    places = [(round_number - 1) % len(row) if round_number else len(row) for row in words]
    return {
        i: " ".join(row[:place] + row[place + 1 :]) for i, (row, place) in enumerate(zip(words, places, strict=True))
    }


def their_scores(references: dict[int, list[str]]) -> Callable[[dict[int, str]], dict[str, float]] | None:
    """The public package's three metrics on tokenised captions; None if it is not installed."""
    try:
        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider
        from pycocoevalcap.rouge.rouge import Rouge
    except ImportError:
        return None

    def score(candidates: dict[int, str]) -> dict[str, float]:
        results: dict[int, Any] = {key: [caption] for key, caption in candidates.items()}
        bleu, _ = Bleu(4).compute_score(references, results, verbose=0)
        rouge, _ = Rouge().compute_score(references, results)
        cider, _ = Cider().compute_score(references, results)
        return dict(zip(SCORES, (*bleu, rouge, cider), strict=True))

    return score


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """The processor time of a call, and its result."""
    started = process_time()
    result = work()
    return process_time() - started, result


def main(arguments: list[str]) -> None:
    path = Path(arguments[0]) if arguments else CAPTIONS
    captions = read_captions(path)
    texts = {i: [*own[1:], captions[(i + 1) % len(captions)][1]] for i, own in enumerate(captions)}
    preparing, references = seconds(lambda: References(texts))
    theirs = their_scores({key: [PTB.split(text) for text in of_one] for key, of_one in texts.items()})
    times: tuple[list[float], list[float]] = ([], [])
    difference = 0.0
    for number in range(ROUNDS):
        candidates = candidates_in(captions, number)
        elapsed, ours = seconds(lambda candidates=candidates: references.score(candidates).values())
        times[0].append(elapsed)
        if theirs:
            words = {key: PTB.split(text) for key, text in candidates.items()}
            elapsed, expected = seconds(lambda words=words: theirs(words))
            times[1].append(elapsed)
            difference = max(difference, *(abs(ours[name] - expected[name]) for name in SCORES))
    source = path.name if path.is_file() else "sentences of the embedded world"
    print(f"{len(captions):,} pictures, {sum(map(len, texts.values())):,} references ({source}); {ROUNDS} rounds.\n")
    print("| BLEU-1…4 + ROUGE-L + CIDEr-D | processor seconds |\n| --- | ---: |")
    print(f"| ours: references tokenised and counted, once | {preparing:.2f} |")
    print(f"| ours: fresh captions tokenised and scored | **{median(times[0]):.2f}** |")
    if not theirs:
        print("| pycocoevalcap | skipped: not installed (pip install pycocoevalcap) |")
        return
    print(f"| pycocoevalcap: the same captions, tokenised already | {median(times[1]):.2f} |")
    print(f"| ratio | **{median(times[1]) / median(times[0]):.1f}** |")
    print(f"\nLargest difference of any score in any round: {difference:.0e}.")


if __name__ == "__main__":
    main(sys.argv[1:])
