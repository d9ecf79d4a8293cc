"""METEOR and SPICE: programs that are not there, that hang, that complain without end; and the real one where it is."""

import gzip
import json
import stat
import time
from importlib.util import find_spec

import psutil
import pytest

from diptych.metrics.captions import java

PAIRS = [("a dog runs", ["a dog is running", "the dog runs"]), ("a cat", ["one cat"])]


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Puts a program in the place of `java`; returns a jar to name."""

    def install(script: str):
        program = tmp_path / "java"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
        monkeypatch.setattr(java.shutil, "which", lambda name: str(program))
        jar = tmp_path / "program.jar"
        jar.touch()
        return jar

    return install


def test_what_is_absent_is_absent_with_the_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(java, "find_spec", lambda name: None)
    monkeypatch.delenv("DIPTYCH_METEOR_JAR", raising=False)
    assert java.meteor(PAIRS).value is None
    assert "pip install pycocoevalcap" in java.meteor(PAIRS).reason
    monkeypatch.setenv("DIPTYCH_SPICE_JAR", str(tmp_path / "nowhere.jar"))
    assert "nowhere.jar" in java.spice(PAIRS).reason


def test_a_program_that_hangs_is_stopped(fake):
    started = time.monotonic()
    score = java.meteor(PAIRS, fake("exec sleep 60"), limit_seconds=0.5)
    assert score.value is None
    assert "0.5 seconds" in score.reason
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("name", ["meteor", "spice"])
def test_what_a_program_started_ends_with_it(name, fake, tmp_path):
    """A wrapper waits for a child of its own, which holds on to every pipe that the wrapper has."""
    born = tmp_path / "born"
    answers_version = """if [ "$1" = -version ]; then echo 'java version "1.8.0_1"' >&2; exit; fi"""
    jar = fake(f"{answers_version}\nsleep 60 &\necho $! > {born}\nwait")
    _with_corenlp(tmp_path)
    started = time.monotonic()
    score = getattr(java, name)(PAIRS, jar, limit_seconds=1.0)
    assert score == java.JavaScore(None, "not done after 1 seconds")
    assert time.monotonic() - started < 10
    assert _is_gone(int(born.read_text()))


def test_a_child_that_survives_its_program_is_ended_as_well(fake, tmp_path):
    born = tmp_path / "born"
    answers = "read a; echo 1 2; read b; echo 3 4; read c; echo 0.5; echo 0.7; echo 0.6125"
    jar = fake(f"sleep 60 &\necho $! > {born}\n{answers}")
    started = time.monotonic()
    assert java.meteor(PAIRS, jar).value == 0.6125
    assert time.monotonic() - started < 30
    assert _is_gone(int(born.read_text()))


def test_nobody_waits_for_a_child_that_left_the_session(fake, tmp_path):
    """It cannot be ended with the others, and it holds the pipe that is read and never reads the one that is full."""
    born = tmp_path / "born"
    jar = fake(f"setsid sleep 20 &\necho $! > {born}\nexit")
    started = time.monotonic()
    score = java.meteor([("a dog " * 50_000, ["a dog"])], jar, limit_seconds=1.0)
    psutil.Process(int(born.read_text())).kill()
    assert score == java.JavaScore(None, "not done after 1 seconds")
    assert time.monotonic() - started < 10


def test_a_program_that_talks_for_ever_is_stopped(fake):
    assert "1 seconds" in java.meteor(PAIRS, fake("while :; do printf x; done"), limit_seconds=1.0).reason


def test_what_cannot_be_run_is_absent_with_the_reason(fake, tmp_path):
    jar = fake("exit")
    (tmp_path / "java").write_bytes(b"\x00 no program")
    assert "cannot be run" in java.meteor(PAIRS, jar).reason


def test_what_is_no_number_is_no_score(fake):
    answers = "read a; echo 1 2; read b; echo 3 4; read c; echo 0.5; echo 0.7; echo sorry"
    assert java.meteor(PAIRS, fake(answers)) == java.JavaScore(None, "its answer is no number: sorry")


def test_a_program_that_fails_says_why(fake):
    assert "out of memory" in java.meteor(PAIRS, fake("echo out of memory >&2; exit 1")).reason


def test_endless_complaints_do_not_stop_the_conversation(fake):
    """Far more than a pipe holds; the fake answers two captions, then their evaluation."""
    complaint = "i=0; while [ $i -lt 2000 ]; do echo 'a long complaint, said over and over' >&2; i=$((i+1)); done"
    answers = "read a; echo 1 2; read b; echo 3 4; read c; echo 0.5; echo 0.7; echo 0.6125"
    assert java.meteor(PAIRS, fake(f"{complaint}; {answers}")).value == 0.6125


def test_spice_says_what_it_lacks(fake, tmp_path):
    jar = fake("echo 'openjdk version \"17.0.1\" 2021' >&2")
    assert "stanford-corenlp-3.6.0" in java.spice(PAIRS, jar).reason
    _with_corenlp(tmp_path)
    assert "Java 17" in java.spice(PAIRS, jar).reason


def test_spice_is_the_mean_of_its_captions(fake, tmp_path):
    entries = json.dumps([{"scores": {"All": {"f": 0.5}}}, {"scores": {"All": {"f": 0.25}}}])
    jar = fake(
        f"""if [ "$1" = -version ]; then echo 'java version "1.8.0_1"' >&2; exit; fi; echo '{entries}' > "$6" """
    )
    _with_corenlp(tmp_path)
    assert java.spice(PAIRS, jar).value == 0.375


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("pycocoevalcap"), reason="pip install pycocoevalcap, the extra `peers`")
def test_meteor_of_coco_captions_own_example(shared_data):
    folder = shared_data / "coco_fakecap"
    rows = json.loads(gzip.decompress((folder / "coco_fakecap_1000.json.gz").read_bytes()))
    expected = json.loads((folder / "expected.json").read_text())["METEOR"]
    score = java.meteor([(row["hyp_ptb"], row["refs_ptb"]) for row in rows])
    assert score.value == pytest.approx(expected, abs=1e-12), score.reason


def _is_gone(pid: int) -> bool:
    """Soon; the dead may stay in the table until somebody asks for them."""
    for _ in range(100):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def _with_corenlp(folder):
    (folder / "lib").mkdir()
    for name in ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar"):
        (folder / "lib" / name).touch()
