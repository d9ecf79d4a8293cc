"""Captions a line with a number for each picture: Flickr8k, Flickr30k, and their Chinese translations.

- `name.jpg#k<TAB>caption`: Flickr8k.token.txt, results_20130124.token, COCO-CN
- `name#zhc#k caption`: Flickr8k-CN, Flickr30k-CN (a name without the suffix)
- `image_name| comment_number| comment`: Flickr30k's results.csv. A line whose second bar is blank space is read (the
  public file has one: `2199200615.jpg| 4   A dog runs …`); a quotation mark means nothing
- `name.jpg<TAB>caption`
"""

import re
from pathlib import Path

from diptych.data.caption_files.rows import PICTURE_SUFFIXES, CaptionRow, CaptionRows, Fault
from diptych.data.caption_files.text import text_lines

NUMBERED = re.compile(r"(?P<file>[^\t]+?)#(?:(?P<k>[^\t#]*)\t|[a-z]{2,4}#(?P<n>\d+)\s)(?P<caption>.*)")
RESULTS = ("image_name", "comment_number", "comment")
RESULT = re.compile(r"(?P<file>[^|]*)\|\s*(?P<k>\d+)(?:\s*\||\s{2,})(?P<caption>.*)")
SUFFIX = "|".join(re.escape(suffix) for suffix in sorted(PICTURE_SUFFIXES))
PAIR = re.compile(rf"(?P<file>[^\t]+(?:{SUFFIX}))\t(?P<caption>[^\t]*)", re.IGNORECASE)


def flickr_lines(path: Path) -> CaptionRows:
    """A row of each line `name.jpg#k<TAB>caption`."""
    yield from _matched(path, NUMBERED, "not name#k<TAB>caption", "\t")


def results_lines(path: Path) -> CaptionRows:
    """A row of each line below the header of Flickr30k's results.csv."""
    yield from _matched(path, RESULT, "not image_name| comment_number| comment", "|", header_lines=1)


def pair_lines(path: Path) -> CaptionRows:
    """A row of each line `name.jpg<TAB>caption`."""
    yield from _matched(path, PAIR, "not name.jpg<TAB>caption", "\t")


def is_results_header(line: str) -> bool:
    """Whether it is the first line of Flickr30k's results.csv, separated by bars."""
    return tuple(name.strip().lower() for name in line.split("|")) == RESULTS


def _matched(path: Path, form: re.Pattern[str], fault: str, separator: str, *, header_lines: int = 0) -> CaptionRows:
    for index, (number, line) in enumerate(text_lines(path)):
        if index < header_lines:
            continue
        place, found = f"{path.name}:{number}", form.fullmatch(line)
        if found and found["file"].strip():
            yield CaptionRow(place, found["file"].strip(), found["caption"], _identity(found))
        else:
            yield Fault("malformed_lines", f"{place} ({fault})", line.split(separator)[0].strip())


def _identity(found: re.Match[str]) -> str | None:
    """What must stand once in a file; lines without numbers have nothing of the kind."""
    number = next((text for name, text in found.groupdict().items() if name in "kn" and text is not None), None)
    return None if number is None else f"{found['file']}#{number}"
