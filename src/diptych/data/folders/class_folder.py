"""Pictures in a folder for each class: captions and labels come from the classes' names.

A picture's one caption in `Findings` is the name of its class's folder; `captions_of` makes sentences of it.
"""

import logging
import shlex
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from diptych.data.caption_files import Fault
from diptych.data.caption_files.text import fault_of, is_blank
from diptych.data.division import stratified
from diptych.data.folders.captioned_folder import CaptionedFolder
from diptych.data.folders.checks import Findings, examine, note_links, report_unlisted
from diptych.data.folders.class_names import ClassNames, Names, names_of_folders, read_class_names
from diptych.data.folders.class_rows import find_classes, rows_of
from diptych.data.folders.inspection import inspected, lies_outside
from diptych.data.folders.picture import Picture
from diptych.data.folders.splits import hash_of, in_fixed_order
from diptych.data.phrasings import PHRASINGS, PLAIN, checked_phrasings
from diptych.plain_types import DataSpec
from diptych.text.languages import guess_languages

NAME = "imagefolder"
log = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False, repr=False)
class ClassFolder(CaptionedFolder):
    """Pictures of `root/CLASS/…`, split by share, or of `root/train/CLASS/…`, `root/val/CLASS/…`, `root/test/CLASS/…`.

    `classes` is a file of the classes' names; without it their folders are called by themselves. `templates` are the
    sentences that a name stands in; without them it stands in English phrasings, or alone where it is not English.
    Splits by share are stratified. The vocabulary covers every class and every template.
    """

    classes: Path | None = None
    templates: Sequence[str] | None = None
    captions: str | dict | None = field(init=False, default=None)
    images: str | dict | None = field(init=False, default=None)
    min_count: int = field(init=False, default=1)
    known: ClassNames = field(init=False, default_factory=lambda: ClassNames({}, PLAIN))
    """The names of the classes of good pictures; `inspect` finds them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.templates is not None:
            self.templates = checked_phrasings(self.templates, "data.templates")

    def inspect(self) -> Findings:
        names = self._names({source.name for source in find_classes(self.root)})
        settings = {"classes": self.classes and str(self.classes.absolute())}
        outside = [path for path in (self.classes,) if path and lies_outside(path, self.root)]
        findings = inspected(self.root, settings, outside, partial(self._find_out_classes, names))
        held = {class_of(picture) for picture in findings.pictures}
        self.known = ClassNames({folder: names[folder] for folder in sorted(held)}, self._phrasings(names))
        return findings

    def _find_out_classes(self, names: dict[str, Names]) -> Findings:
        faults = [fault for folder, called in names.items() if (fault := self._fault_of(folder, called))]
        faulty = {fault.name for fault in faults}
        good = [source for source in find_classes(self.root) if source.name not in faulty]
        findings = examine([*faults, *rows_of(self.root, good)], self.root)
        findings.drop("untrained_classes", _untrained(findings.pictures))
        report_unlisted(findings, [self.root])
        note_links(findings, self.root, [source.path for source in good])
        return findings

    def captions_of(self, picture: Picture) -> Sequence[str]:
        return self.known.captions[class_of(picture)]

    def in_order(self, pictures: Sequence[Picture]) -> list[Picture]:
        return in_stratified_order(pictures)

    def said_of(self, pictures: Sequence[Picture]) -> list[str]:
        return [caption for captions in self.known.captions.values() for caption in captions]

    def _names(self, folders: set[str]) -> dict[str, Names]:
        return names_of_folders(folders) if self.classes is None else read_class_names(self.classes, folders)

    def _fault_of(self, folder: str, names: Names) -> Fault | None:
        """What is wrong with the name of a class, if anything; the fault is called by the class's folder."""
        if any(fault_of(name) for name in (folder, *names)):
            return Fault("broken_text", folder)
        return Fault("unnamed_classes", folder) if is_blank("".join(names)) else None

    def _phrasings(self, names: dict[str, Names]) -> Sequence[str]:
        languages = self.languages or guess_languages([name for called in names.values() for name in called])
        is_english = any(code.lower().partition("-")[0] == "en" for code in languages)
        return self.templates or (PHRASINGS if is_english else PLAIN)

    def _spec(self, train: Sequence[Picture]) -> DataSpec:
        alike = self.known.called_alike
        if alike:
            log.warning(
                "data.root=%s: %d classes share a name with another one, so that no sentence tells them apart (%s); "
                "data.classes=FILE gives them other names",
                *(self.root, len(alike), ", ".join(alike[:4])),
            )
        labels = tuple(self.known.labels.values())
        return replace(super()._spec(train), name=NAME, labels=labels, exclusive_labels=True)

    def _check_command(self) -> str:
        classes = [f"data.classes={self.classes}"] if self.classes else []
        return shlex.join(["diptych", "data", "check", NAME, f"data.root={self.root}", *classes])


def class_of(picture: Picture) -> str:
    """The folder of the picture's class."""
    return picture.captions[0]


def in_stratified_order(pictures: Sequence[Picture]) -> list[Picture]:
    """By a hash of the pictures' names, so that every prefix is stratified by class."""
    members: defaultdict[str, list[Picture]] = defaultdict(list)
    for picture in in_fixed_order(pictures):
        members[class_of(picture)].append(picture)
    return stratified(members.values(), by=hash_of)


def _untrained(pictures: Sequence[Picture]) -> list[Picture]:
    """Those held out whose class has no picture to train on, where there are pictures to train on at all."""
    trained = {class_of(picture) for picture in pictures if picture.split in (None, "train")}
    return [picture for picture in pictures if trained and class_of(picture) not in trained]
