"""METEOR and SPICE by their authors' own Java programs, where they are on the machine; else the reason why not.

A program is found at a path that is given, in `DIPTYCH_METEOR_JAR` or `DIPTYCH_SPICE_JAR`, or in the package
pycocoevalcap. It gets a time limit. Both read English only.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean

from diptych.metrics.captions.programs import LAST_WORDS, ProgramFailed, complaints_of, conversation

LIMIT_SECONDS = 900.0
VERSION = re.compile(r'version "(?P<major>\d+)(?:\.(?P<minor>\d+))?')
VERSION_SECONDS = 60.0
_NEWEST_JAVA_OF_SPICE = 11

Pairs = Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True)
class JavaScore:
    """The score of a corpus, or None and why there is none."""

    value: float | None
    reason: str = ""


def meteor(pairs: Pairs, jar: Path | None = None, limit_seconds: float = LIMIT_SECONDS) -> JavaScore:
    """METEOR 1.5 (Denkowski & Lavie 2014) of tokenised captions, each beside its tokenised references."""
    try:
        path = _program("METEOR", "meteor/meteor-1.5.jar", jar)
        command = [_java(), "-Xmx2G", "-jar", str(path), "-", "-", "-stdio", "-l", "en", "-norm"]
        return JavaScore(_meteor(command, pairs, limit_seconds))
    except ProgramFailed as reason:
        return JavaScore(None, str(reason))


def spice(pairs: Pairs, jar: Path | None = None, limit_seconds: float = LIMIT_SECONDS) -> JavaScore:
    """SPICE 1.0 (Anderson et al. 2016, arXiv:1607.08822), the mean F-score of captions; needs CoreNLP 3.6.0."""
    try:
        path = _program("SPICE", "spice/spice-1.0.jar", jar)
        if len(list((path.parent / "lib").glob("stanford-corenlp-3.6.0*.jar"))) < 2:
            raise ProgramFailed(f"stanford-corenlp-3.6.0 and its models are not in {path.parent / 'lib'}")
        if (version := _java_version(java := _java(), limit_seconds)) > _NEWEST_JAVA_OF_SPICE:
            raise ProgramFailed(f"it runs on Java 8 to {_NEWEST_JAVA_OF_SPICE}, and this is Java {version}")
        return JavaScore(_spice([java, "-Xmx8G", "-jar", str(path)], pairs, limit_seconds))
    except ProgramFailed as reason:
        return JavaScore(None, str(reason))


def _program(name: str, within_package: str, given: Path | None) -> Path:
    variable = f"DIPTYCH_{name}_JAR"
    if given is None and variable in os.environ:
        given = Path(os.environ[variable])
    if given is not None:
        if not given.is_file():
            raise ProgramFailed(f"there is no file {given}")
        return given.resolve()
    package = find_spec("pycocoevalcap")
    for folder in (package.submodule_search_locations or ()) if package else ():
        if (path := Path(folder) / within_package).is_file():
            return path
    raise ProgramFailed(f"its Java program is not here: pip install pycocoevalcap, or name the jar in {variable}")


def _java() -> str:
    if found := shutil.which("java"):
        return found
    raise ProgramFailed("there is no java on this machine")


def _java_version(java: str, limit: float) -> int:
    """Such as 17, or 8 for what calls itself 1.8."""
    try:
        text = complaints_of([java, "-version"], min(VERSION_SECONDS, limit))
    except ProgramFailed as error:
        raise ProgramFailed(f"{java} -version gives no answer: {error}") from error
    found = VERSION.search(text)
    if found is None:
        raise ProgramFailed(f"{java} -version says no version: {text.strip()[:LAST_WORDS]}")
    return int(found["minor"] if found["major"] == "1" else found["major"])


def _meteor(command: list[str], pairs: Pairs, limit: float) -> float:
    """Statistics of each caption first, then the score of them all together, which is not the mean of scores."""
    questions = [" ||| ".join(["SCORE", *map(_one_line, texts), _one_line(caption)]) for caption, texts in pairs]
    with conversation(command, limit) as program:
        statistics = program.answers(questions, len(questions))
        answer = program.answers([" ||| ".join(["EVAL", *statistics])], len(questions) + 1)[-1]
    try:
        return float(answer)
    except ValueError as error:
        raise ProgramFailed(f"its answer is no number: {answer[:LAST_WORDS]}") from error


def _one_line(text: str) -> str:
    """Without what separates fields and captions."""
    return " ".join(text.replace("|||", " ").split())


def _spice(command: list[str], pairs: Pairs, limit: float) -> float:
    entries = [{"image_id": i, "test": caption, "refs": list(texts)} for i, (caption, texts) in enumerate(pairs)]
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "captions.json"), Path(folder, "scores.json")
        asked.write_text(json.dumps(entries), encoding="utf-8")
        complaints = complaints_of([*command, str(asked), "-out", str(answered), "-subset", "-silent"], limit)
        if not answered.exists():
            raise ProgramFailed(f"the program wrote no scores: {complaints[-LAST_WORDS:].strip()}")
        content = answered.read_text(encoding="utf-8")
    try:
        return fmean(float(entry["scores"]["All"]["f"] or 0) for entry in json.loads(content))
    except (ValueError, KeyError, TypeError) as error:
        raise ProgramFailed(f"its answer holds no scores: {content[:LAST_WORDS]}") from error
