"""Captions of whole folders, written as they come: streams of files, and files of captions that are gone on with."""

from diptych.runs.labelling.files import FORMATS, check_holds, format_of
from diptych.runs.labelling.labels import Labels
from diptych.runs.labelling.stream import Labelled, captioned_files, picture_paths

__all__ = ["FORMATS", "Labelled", "Labels", "captioned_files", "check_holds", "format_of", "picture_paths"]
