"""One page about a data set: splits, words, lengths, what is wrong, and pictures as networks receive them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from PIL import Image

from diptych.data.caption_files.faults import HARMLESS
from diptych.reports.page.curves import curve
from diptych.reports.page.html import page, paragraph, plain_table, section
from diptych.reports.page.pictures import picture_tag

NAMES_SHOWN = 12
WORDS_SHOWN = 40


@dataclass(frozen=True)
class DataStory:
    """What is told of a data set.

    `stats` are those of `diptych.data.summary.summarise`, `problems` and `notes` those of `diptych data check`, and
    `pictures` the first ones of each split, each with its captions as tokens read them.
    """

    name: str
    stats: Mapping[str, Any]
    pictures: Mapping[str, Sequence[tuple[Image.Image, str]]]
    problems: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[Mapping[str, Any]] = ()


def data_page(story: DataStory) -> str:
    """The whole document."""
    stats = story.stats
    blocking = [kind for kind in story.problems if kind["kind"] not in HARMLESS]
    harmless = [kind for kind in story.problems if kind["kind"] in HARMLESS]
    return page(
        title=story.name,
        kicker="diptych · data",
        lead=_lead(stats),
        sections_html=(
            section("Splits", plain_table(*_splits(stats["splits"])), lead=_of_infinite(stats["splits"])),
            section("Problems", _kinds(blocking), lead="Refused, or left out with data.on_error=skip."),
            section("Look at these", _kinds(harmless), lead="They stop nothing."),
            section("Notes", _kinds(story.notes), lead="Training takes all of these, in the way that is said."),
            section("Captions", _lengths(stats["splits"]), _words(stats)),
            *(
                section(f"Pictures of {split}", _gallery(pictures), lead="As a network receives them.")
                for split, pictures in story.pictures.items()
            ),
        ),
        footer="Made by `diptych data stats` or `diptych data preview`; nothing in the data was changed.",
    )


def _lead(stats: Mapping[str, Any]) -> str:
    kind = {1: "grey", 3: "RGB"}[stats["image_channels"]]
    return (
        f"{stats['image_size']} px, {kind}; captions in {', '.join(stats['languages'])}, {stats['tokenizer']} tokens: "
        f"{stats['vocabulary']:,} different ones, at most {stats['max_length']} a caption."
    )


def _splits(splits: Mapping[str, Mapping[str, Any]]) -> tuple[Sequence[str], list[Sequence[object]]]:
    header = ("split", "pictures", "captions", "different", "tokens a caption", "unknown tokens")
    return header, [_split_row(name, split) for name, split in splits.items()]


def _split_row(name: str, split: Mapping[str, Any]) -> Sequence[object]:
    lengths = split["tokens_per_caption"]
    spread = f"{lengths['least']} to {lengths['most']}, mean {lengths['mean']}" if lengths else "none"
    pictures = "endless" if split["pictures"] is None else f"{split['pictures']:,}"
    numbers = (f"{split['captions']:,}", f"{split['distinct_captions']:,}")
    return (name, pictures, *numbers, spread, f"{split['unknown_share']:.2%}")


def _of_infinite(splits: Mapping[str, Mapping[str, Any]]) -> str:
    endless = [split for split in splits.values() if split["pictures"] is None]
    return f"Of an endless split the first {endless[0]['examined']:,} pictures count." if endless else ""


def _kinds(kinds: Sequence[Mapping[str, Any]]) -> str:
    """Each kind with its number and its first names."""
    rows = []
    for kind in kinds:
        more = [f"… and {kind['count'] - NAMES_SHOWN:,} more"] if kind["count"] > NAMES_SHOWN else []
        rows.append((kind["what"], f"{kind['count']:,}", ", ".join([*kind["names"][:NAMES_SHOWN], *more])))
    return plain_table(("kind", "number", "which"), rows) if rows else ""


def _lengths(splits: Mapping[str, Mapping[str, Any]]) -> str:
    shares = {
        name: [(length, 100 * number / split["captions"]) for length, number in split["lengths"]]
        for name, split in splits.items()
    }
    drawn = curve("Per cent of captions by their number of tokens", shares, x_label="tokens")
    return f'<div class="curves">{drawn}</div>' if drawn else ""


def _words(stats: Mapping[str, Any]) -> str:
    if not stats["top_words"]:
        return ""
    words = ", ".join(f"{word} ({count:,})" for word, count in stats["top_words"][:WORDS_SHOWN])
    return f"<h3>Most frequent tokens</h3>\n{paragraph(words)}"


def _gallery(pictures: Sequence[tuple[Image.Image, str]]) -> str:
    cards = (
        f"<figure>{picture_tag(picture, caption)}<figcaption>{'<br>'.join(map(escape, caption.splitlines()))}"
        "</figcaption></figure>"
        for picture, caption in pictures
    )
    content = "".join(cards)
    return f'<div class="gallery">{content}</div>' if content else ""
