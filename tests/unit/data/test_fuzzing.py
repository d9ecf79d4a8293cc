"""Any bytes end soon, with rows, faults or one message that names the file: a little of `make fuzz` at every test."""

import logging
from pathlib import Path

import pytest

from fuzzing.law import MOST_MEGABYTES, broken, peak_megabytes
from fuzzing.parsers import PARSERS
from fuzzing.watch import content_of

INPUTS, MOST_BYTES = 200, 1 << 15
HANGS = 20.0
"""CPU seconds: a busy machine makes any input several times slower; `make fuzz` holds the law's own limit."""

SEED = 20
CORPUS = Path(__file__).parents[2] / "fuzz_corpus"
FOUND = sorted(CORPUS.glob("*--*"))
"""What fuzzing found, named by the parser and the finding."""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Damaged names are warned of, a few hundred times."""
    monkeypatch.delenv("DIPTYCH_CACHE", raising=False)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_no_input_breaks_the_law(parser, tmp_path):
    before = peak_megabytes()
    inputs = {number: content_of(parser, SEED, number) for number in range(INPUTS)}
    small = {number: content for number, content in inputs.items() if len(content) <= MOST_BYTES}
    found = {number: broken(parser, content, tmp_path, HANGS) for number, content in small.items()}
    assert not {number: fault for number, fault in found.items() if fault}
    assert peak_megabytes() - before < MOST_MEGABYTES


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_was_found_once_is_not_found_again(path, tmp_path):
    parser = next(parser for parser in PARSERS if parser.name == path.name.partition("--")[0].replace("-", " "))
    before = peak_megabytes()
    assert broken(parser, path.read_bytes(), tmp_path, HANGS) == ""
    assert peak_megabytes() - before < MOST_MEGABYTES


def test_the_corpus_is_there():
    assert FOUND
