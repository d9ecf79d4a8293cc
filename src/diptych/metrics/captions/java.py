"""METEOR and SPICE by their authors' own Java programs, where they are on the machine; else the reason why not.

A program is found at a path that is given, in `DIPTYCH_METEOR_JAR` or `DIPTYCH_SPICE_JAR`, or in the package
pycocoevalcap. It gets a time limit, and what it complains goes to a file, because a full pipe would stop it for ever.
Both read English only.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from statistics import fmean
from threading import Thread, Timer

LIMIT_SECONDS = 900.0
VERSION = re.compile(r'version "(?P<major>\d+)(?:\.(?P<minor>\d+))?')
LAST_WORDS = 300
_NEWEST_JAVA_OF_SPICE = 11

Pairs = Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True)
class JavaScore:
    """The score of a corpus, or None and why there is none."""

    value: float | None
    reason: str = ""


class _NoScore(Exception):
    """Why a program gives no score."""


def meteor(pairs: Pairs, jar: Path | None = None, limit_seconds: float = LIMIT_SECONDS) -> JavaScore:
    """METEOR 1.5 (Denkowski & Lavie 2014) of tokenised captions, each beside its tokenised references."""
    try:
        path = _program("METEOR", "meteor/meteor-1.5.jar", jar)
        command = [_java(), "-Xmx2G", "-jar", str(path), "-", "-", "-stdio", "-l", "en", "-norm"]
        return JavaScore(_meteor(command, pairs, limit_seconds))
    except _NoScore as reason:
        return JavaScore(None, str(reason))


def spice(pairs: Pairs, jar: Path | None = None, limit_seconds: float = LIMIT_SECONDS) -> JavaScore:
    """SPICE 1.0 (Anderson et al. 2016, arXiv:1607.08822), the mean F-score of captions; needs CoreNLP 3.6.0."""
    try:
        path = _program("SPICE", "spice/spice-1.0.jar", jar)
        if len(list((path.parent / "lib").glob("stanford-corenlp-3.6.0*.jar"))) < 2:
            raise _NoScore(f"stanford-corenlp-3.6.0 and its models are not in {path.parent / 'lib'}")
        if (version := _java_version(java := _java())) > _NEWEST_JAVA_OF_SPICE:
            raise _NoScore(f"it runs on Java 8 to {_NEWEST_JAVA_OF_SPICE}, and this is Java {version}")
        return JavaScore(_spice([java, "-Xmx8G", "-jar", str(path)], pairs, limit_seconds))
    except _NoScore as reason:
        return JavaScore(None, str(reason))


def _program(name: str, within_package: str, given: Path | None) -> Path:
    variable = f"DIPTYCH_{name}_JAR"
    if given is None and variable in os.environ:
        given = Path(os.environ[variable])
    if given is not None:
        if not given.is_file():
            raise _NoScore(f"there is no file {given}")
        return given.resolve()
    package = find_spec("pycocoevalcap")
    for folder in (package.submodule_search_locations or ()) if package else ():
        if (path := Path(folder) / within_package).is_file():
            return path
    raise _NoScore(f"its Java program is not here: pip install pycocoevalcap, or name the jar in {variable}")


def _java() -> str:
    if found := shutil.which("java"):
        return found
    raise _NoScore("there is no java on this machine")


def _java_version(java: str) -> int:
    """Such as 17, or 8 for what calls itself 1.8."""
    try:
        text = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _NoScore(f"{java} -version gives no answer: {error}") from error
    found = VERSION.search(text)
    if found is None:
        raise _NoScore(f"{java} -version says no version: {text.strip()[:LAST_WORDS]}")
    return int(found["minor"] if found["major"] == "1" else found["major"])


def _meteor(command: list[str], pairs: Pairs, limit: float) -> float:
    """Statistics of each caption first, then the score of them all together, which is not the mean of scores."""
    questions = [" ||| ".join(["SCORE", *map(_one_line, texts), _one_line(caption)]) for caption, texts in pairs]
    with _running(command, limit) as program:
        statistics = _answers(program, questions, len(questions))
        return float(_answers(program, [" ||| ".join(["EVAL", *statistics])], len(questions) + 1)[-1])


@contextmanager
def _running(command: list[str], limit: float) -> Iterator[subprocess.Popen[str]]:
    """The program, which is stopped after `limit` seconds, and then says so if that ended the conversation."""
    with tempfile.TemporaryFile("w+") as complaints:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": complaints}
        with subprocess.Popen(command, text=True, **pipes) as program:
            assert program.stdin
            timer = Timer(limit, program.kill)
            timer.start()
            try:
                yield program
            except EOFError as ended:
                if not timer.is_alive():
                    raise _NoScore(f"not done after {limit:g} seconds") from ended
                complaints.seek(0)
                raise _NoScore(f"the program ended: {complaints.read()[-LAST_WORDS:].strip()}") from ended
            finally:
                timer.cancel()
                program.kill()
                with suppress(OSError):  # what it was not asked any more cannot be written
                    program.stdin.close()


def _answers(program: subprocess.Popen[str], questions: Sequence[str], number: int) -> list[str]:
    """The program's next lines; it is asked while it is read, so that neither side waits for the other."""
    assert program.stdout
    Thread(target=_ask, args=(program, questions), daemon=True).start()
    answers = list(islice(program.stdout, number))
    if len(answers) < number:
        raise EOFError
    return [answer.strip() for answer in answers]


def _ask(program: subprocess.Popen[str], questions: Sequence[str]) -> None:
    assert program.stdin
    with suppress(OSError, ValueError):  # the program has gone, which shows when its answers are read
        program.stdin.writelines(question + "\n" for question in questions)
        program.stdin.flush()


def _one_line(text: str) -> str:
    """Without what separates fields and captions."""
    return " ".join(text.replace("|||", " ").split())


def _spice(command: list[str], pairs: Pairs, limit: float) -> float:
    entries = [{"image_id": i, "test": caption, "refs": list(texts)} for i, (caption, texts) in enumerate(pairs)]
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "captions.json"), Path(folder, "scores.json")
        asked.write_text(json.dumps(entries), encoding="utf-8")
        words = [*command, str(asked), "-out", str(answered), "-subset", "-silent"]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=limit)
        except subprocess.TimeoutExpired as late:
            raise _NoScore(f"not done after {limit:g} seconds") from late
        if done.returncode or not answered.exists():
            raise _NoScore(f"the program failed: {done.stderr[-LAST_WORDS:].strip()}")
        scores = json.loads(answered.read_text(encoding="utf-8"))
    return fmean(float(entry["scores"]["All"]["f"] or 0) for entry in scores)
