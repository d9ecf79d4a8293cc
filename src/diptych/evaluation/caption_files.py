"""The captions of a file by picture, and of two files about the same pictures; nothing here opens a picture.

`diptych.data.caption_files` reads the files, as it does for training. A picture has a file name, ids, or both. Two
files are held together by the kind of name that most predicted pictures have in common.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from diptych.config.errors import UserError
from diptych.data.caption_files import CaptionRow, Fault, read_rows
from diptych.data.caption_files.faults import sentence
from diptych.data.caption_files.text import is_blank

NAMED = 5
FILE_NAME, ID = "file name", "id"
NAMINGS = (FILE_NAME, ID)
PAIRED_NAMINGS = ((FILE_NAME, FILE_NAME), (ID, ID), (ID, FILE_NAME), (FILE_NAME, ID))
"""What pictures may be called in the predictions and in the references, the most certain first."""


@dataclass
class CaptionedPicture:
    """The captions of one picture, and its names of each kind of `NAMINGS`."""

    captions: list[str] = field(default_factory=list)
    names: Mapping[str, dict[str, None]] = field(default_factory=lambda: {naming: {} for naming in NAMINGS})

    @property
    def name(self) -> str:
        """Its most certain name."""
        return next(name for naming in NAMINGS for name in self.names[naming])


@dataclass(frozen=True)
class CaptionFile:
    """The captioned pictures of a file, in its order."""

    path: Path
    pictures: Sequence[CaptionedPicture]

    @property
    def captions(self) -> dict[str, list[str]]:
        """The captions of each picture."""
        return {picture.name: picture.captions for picture in self.pictures}

    def by(self, naming: str) -> dict[str, CaptionedPicture]:
        """The pictures by their names of one kind."""
        return {name: picture for picture in self.pictures for name in picture.names[naming]}

    @property
    def example(self) -> str:
        """A name of each kind that the file has."""
        names = ((naming, next(iter(self.by(naming)), None)) for naming in NAMINGS)
        return " and ".join(f"{naming} {name!r}" for naming, name in names if name is not None)


@dataclass(frozen=True)
class Pairing:
    """Predictions and references, both by the names that the reference file gives its pictures.

    `matched_by` and `examples` say which names were held together, and what they are in each file.
    """

    predictions: Mapping[str, str]
    references: Mapping[str, Sequence[str]]
    matched_by: str
    examples: str


def read_captions(path: Path) -> CaptionFile:
    """The captions of each picture, at least one; a ValueError says what is wrong with the file."""
    file = _read(path)
    _check_captioned(file.pictures, path)
    return file


def pair(predictions: Path, references: Path, *, predicted_only: bool = False) -> Pairing:
    """One caption of each predicted picture against the references; `predicted_only` leaves out all other pictures."""
    predicted, referred = _read(predictions, may_be_empty=True), _read(references)
    _check_captioned(predicted.pictures, predictions)
    ours, theirs = max(PAIRED_NAMINGS, key=lambda kinds: _num_shared(predicted, referred, *kinds))
    known = referred.by(theirs)
    found: dict[str, list[str]] = {}
    for picture in predicted.pictures:
        match = next((known[name] for name in picture.names[ours] if name in known), picture)
        found.setdefault(match.name, []).extend(picture.captions)
    kept = [picture for picture in referred.pictures if picture.name in found or not predicted_only]
    _check_captioned(kept, references)
    return Pairing(
        _one_each(found, predictions),
        {picture.name: picture.captions for picture in kept},
        ours if ours == theirs else f"{ours} against {theirs}",
        f"a picture of {predictions.name} has the {predicted.example}, one of {references.name} the {referred.example}",
    )


def _read(path: Path, *, may_be_empty: bool = False) -> CaptionFile:
    rows = read_rows(path)
    _refuse_faults((row for row in rows if isinstance(row, Fault)), path)
    known: dict[tuple[str, str], CaptionedPicture] = {}
    pictures: list[CaptionedPicture] = []
    for row in rows:
        assert isinstance(row, CaptionRow)
        if row.caption is not None and is_blank(row.caption) and not may_be_empty:
            raise UserError(f"{path}: {sentence('empty_captions', [row.place])}")
        names = _names(row)
        picture = known.get(names[0])
        if picture is None:
            picture = CaptionedPicture()
            pictures.append(picture)
        for naming, name in names:
            if known.setdefault((naming, name), picture) is not picture:
                twice = f"{row.place} ({naming} {name}: {known[naming, name].name}, {names[0][1]})"
                raise UserError(f"{path}: {sentence('duplicate_ids', [twice])}")
            picture.names[naming][name] = None
        picture.captions.extend(() if row.caption is None else (row.caption,))
    return CaptionFile(path, pictures)


def _names(row: CaptionRow) -> list[tuple[str, str]]:
    """What the row calls its picture, the most certain name first."""
    return [(naming, name) for naming, name in ((FILE_NAME, row.file), (ID, row.picture_id)) if name is not None]


def _refuse_faults(faults: Iterable[Fault], path: Path) -> None:
    """A UserError with the first names of each kind of fault."""
    kinds: dict[str, list[str]] = {}
    for fault in faults:
        kinds.setdefault(fault.kind, []).append(fault.name)
    if kinds:
        raise UserError(f"{path}: " + "; ".join(sentence(kind, names) for kind, names in kinds.items()))


def _check_captioned(pictures: Iterable[CaptionedPicture], path: Path) -> None:
    for picture in pictures:
        if not picture.captions:
            raise UserError(f"{path}: picture {picture.name} has no caption; give it one or leave it out")


def _num_shared(predicted: CaptionFile, referred: CaptionFile, ours: str, theirs: str) -> int:
    return len(predicted.by(ours).keys() & referred.by(theirs).keys())


def _one_each(captions: Mapping[str, Sequence[str]], path: Path) -> dict[str, str]:
    if several := [name for name, texts in captions.items() if len(texts) > 1]:
        named = ", ".join(several[:NAMED]) + (", …" if len(several) > NAMED else "")
        raise UserError(f"{path}: several captions for {len(several):,} pictures ({named}); predict one each")
    return {name: texts[0] for name, texts in captions.items()}
