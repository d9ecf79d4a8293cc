"""How many pictures, captions and words a data set has, split by split."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from diptych.cli.data.opening import opened
from diptych.cli.output import Output
from diptych.reports.page.columns import text_width

WORD_COLUMNS = 4
WORD_WIDTH = 11


def run(args: argparse.Namespace, output: Output) -> int:
    """Tell how many pictures, captions and words each split has."""
    from diptych.data.summary import summarise

    data = opened(args)
    stats = summarise(data)
    channels = {1: "grey", 3: "RGB"}[stats["image_channels"]]
    output.line(
        f"{args.data}: {stats['image_size']} px {channels}, {', '.join(stats['languages'])}; {stats['tokenizer']} "
        f"tokenizer, {stats['vocabulary']:,} tokens, at most {stats['max_length']} a caption\n"
    )
    output.line(f"{'split':<6}{'pictures':>10}{'captions':>10}{'distinct':>10}   tokens a caption      unknown")
    for name, split in stats["splits"].items():
        output.line(_split_line(name, split))
    output.line(f"\nmost frequent of {stats['tokenizer']} tokens:")
    for row in _rows(stats["top_words"]):
        output.line("  " + " ".join(f"{_cell(word)}{count:>7,}" for word, count in row))
    output.result(stats)
    return 0


def _split_line(name: str, split: Mapping[str, Any]) -> str:
    pictures = f"{split['pictures']:,}" if split["pictures"] is not None else f"{split['examined']:,} of ∞"
    lengths = split["tokens_per_caption"]
    spread = f"{lengths['least']} to {lengths['most']}, mean {lengths['mean']}" if lengths else "none"
    numbers = f"{pictures:>10}{split['captions']:>10,}{split['distinct_captions']:>10,}"
    return f"{name:<6}{numbers}   {spread:<22}{split['unknown_share']:>6.2%}"


def _cell(word: str) -> str:
    """The word on `WORD_WIDTH` columns; Chinese characters take two, marks none, and a space is visible."""
    word = "␣" if word == " " else word
    return word[:WORD_WIDTH] + " " * (WORD_WIDTH - text_width(word))


def _rows(words: Sequence[Any]) -> list[Sequence[Any]]:
    return [words[i : i + WORD_COLUMNS] for i in range(0, len(words), WORD_COLUMNS)]
