"""Values of a table's columns in place of captions: which there are, which are missing, and what stands for those."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from diptych.data.folders.picture import Picture
from diptych.text.columns import AFTER_NAME, sentence_of, values_of

MOST_VALUES = 1_000
WAYS = {"mask": "left out of the sentence", "fill": "given the value that most training pictures have"}
log = logging.getLogger(__name__)


def check_columns(columns: Sequence[str] | None, missing: str) -> tuple[str, ...]:
    """The names of the columns; a ValueError says which cannot be one, or that nothing is missing without columns."""
    if missing not in WAYS:
        raise ValueError(f"data.missing={missing}: choose {' or '.join(WAYS)}")
    if columns is not None and (isinstance(columns, str) or not columns):
        raise ValueError(f"data.columns={columns or '[]'}: give a list of names, [colour, size], or null")
    names = tuple(" ".join(str(name).split()) for name in columns or ())
    for name in names:
        if not name or AFTER_NAME in name or ";" in name:
            raise ValueError(f"data.columns: {name!r} cannot be said in a sentence of values, which has ':' and ';'")
    if len({name.casefold() for name in names}) < len(names):
        raise ValueError(f"data.columns={list(names)} names a column twice")
    return names


def missing_values(pictures: Iterable[Picture], names: Sequence[str]) -> Iterator[str]:
    """Each picture that has no value of a column, with the column."""
    for picture in pictures:
        for caption in picture.captions:
            values = values_of(caption)
            yield from (f"{picture.key} ({name})" for name in names if name.casefold() not in values)


def column_values(train: Iterable[Picture], names: Sequence[str]) -> dict[str, list[str]]:
    """The values of each column in training, those of most pictures first."""
    counts: dict[str, Counter[str]] = {name.casefold(): Counter() for name in names}
    for picture in train:
        for caption in picture.captions:
            for name, value in values_of(caption).items():
                counts[name][value] += 1
    for name, counted in counts.items():
        if not counted:
            raise ValueError(f"data.columns: no training picture has a value of {name}; leave the column out")
        if len(counted) > MOST_VALUES:
            raise ValueError(
                f"data.columns: {name} has {len(counted):,} values among the training pictures, more than "
                f"{MOST_VALUES:,}; where they are numbers, write a column of ranges"
            )
    return {name: sorted(counted, key=lambda value: (-counted[value], value)) for name, counted in counts.items()}


def completed(
    splits: Mapping[str, Sequence[Picture]], names: Sequence[str], values: Mapping[str, Sequence[str]], missing: str
) -> dict[str, Sequence[Picture]]:
    """The splits with their missing values treated in this way, which is told with their numbers."""
    pictures = [picture for held in splits.values() for picture in held]
    for name in names:
        lacking = sum(name.casefold() not in values_of(caption) for p in pictures for caption in p.captions)
        if lacking:
            told = WAYS[missing] + (f", {values[name.casefold()][0]}" if missing == "fill" else "")
            share = lacking / sum(len(picture.captions) for picture in pictures)
            log.warning("data.columns: %s is missing %s times (%.1f %%): %s", name, f"{lacking:,}", 100 * share, told)
    if missing == "mask":
        return dict(splits)
    commonest = {name: values[name.casefold()][0] for name in names}
    return {split: [_filled(picture, commonest) for picture in held] for split, held in splits.items()}


def _filled(picture: Picture, commonest: Mapping[str, str]) -> Picture:
    said = [values_of(caption) for caption in picture.captions]
    whole = [{name: values.get(name.casefold(), value) for name, value in commonest.items()} for values in said]
    return replace(picture, captions=list(map(sentence_of, whole)))
