"""Lists of names in pickles: read whoever wrote them, and nothing that they say is run."""

import os
import pickle
import pickletools
import struct
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data.caption_files.pickles import MOST_INSTRUCTIONS, pickled_names

NAMES = ["001.Bird/a", "001.Bird/b", "café/一"]


def pickled(path: Path, content: bytes) -> list[str]:
    path.write_bytes(content)
    return pickled_names(path)


@given(
    names=st.lists(st.text(st.characters(exclude_categories=("Cs",)))), protocol=st.integers(0, pickle.HIGHEST_PROTOCOL)
)
def test_every_protocol_gives_the_names_back(names, protocol, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "names.pickle"
    assert pickled(path, pickle.dumps(names, protocol)) == names
    assert pickled(path, pickle.dumps(tuple(names), protocol)) == names


@pytest.mark.parametrize(
    "content",
    [
        b"(lp0\nS'001.Bird/a'\np1\naS'001.Bird/b'\np2\naS'caf\\xc3\\xa9/\\xe4\\xb8\\x80'\np3\na.",
        b"\x80\x02]q\x01(U\n001.Bird/aq\x02U\n001.Bird/bq\x03U\x09caf\xc3\xa9/\xe4\xb8\x80q\x04e.",
        pickle.dumps([name.encode() for name in NAMES], 3),
    ],
)
def test_bytes_of_python_2_are_names(content, tmp_path):
    assert pickled(tmp_path / "f.pickle", content) == NAMES


class Runs:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_is_run_and_what_was_asked_for_is_named(protocol, tmp_path):
    content = pickle.dumps([Runs(tmp_path / "made")], protocol)
    with pytest.raises(ValueError, match=r"f\.pickle is no pickled list of names: it asks for \w+\.mkdir"):
        pickled(tmp_path / "f.pickle", content)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "ends too early"),
        (pickle.dumps({"a": ["b"]}), "the instruction EMPTY_DICT"),
        (pickle.dumps("a"), "it holds one str"),
        (pickle.dumps(["a", 3]), "of the type int"),
        (pickle.dumps([["a"]]), "of the type list"),
        (pickle.dumps(np.array(["a"])), r"numpy\._?core\.multiarray"),
        (pickle.dumps(NAMES, 2)[:-9], "f.pickle"),
        (b"\x80\x02]q\x00U\x01\xe9a.", "utf-8"),
        (b"hello", "the instruction 104|f.pickle"),
        (b"cos\nsystem\n(S'true'\ntR.", r"os\.system"),
        (b"(S'true'\nios\nsystem\n.", r"os\.system"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"Pa\n.", "PERSID"),
        (b"L" + b"9" * 10_000 + b"L\n.", "digits"),
        (b"J.", "f.pickle"),
        (b"0", "f.pickle"),
        (b"S'\\d'\n.", "f.pickle"),
    ],
)
def test_what_is_no_list_of_names_is_refused_in_one_line(content, said, tmp_path):
    with pytest.raises(ValueError, match=said) as error:
        pickled(tmp_path / "f.pickle", content)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02]" + b")0" * MOST_INSTRUCTIONS + b".",
        b"\x80\x02]r" + struct.pack("<I", 2**32 - 1) + b"X" + struct.pack("<I", 2**31) + b"a.",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b".",
        b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b".",
        b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".",
        b"\x80\x02)" + b"q\x00h\x00\x86" * 400 + b"}h\x00Ns.",
        b"]" + b"2" * 100_000 + b".",
        b"(" * 300_000 + b"l" * 300_000 + b".",
        bytes(17 << 20),
    ],
    ids=["instructions", "memo", "length", "frame", "bytearray", "nested key", "doubled", "deep", "large"],
)
def test_no_pickle_takes_much_time_or_memory(content, tmp_path):
    resource = pytest.importorskip("resource", reason="not on Windows")
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(ValueError, match="no pickled list of names"):
        pickled(tmp_path / "f.pickle", content)
    assert time.process_time() - start < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << (20 if sys.platform == "darwin" else 10)


@given(
    content=st.binary(max_size=40)
    | st.lists(st.sampled_from([op.code.encode("latin-1") for op in pickletools.opcodes]), max_size=12).map(b"".join)
)
def test_any_bytes_are_names_or_one_message(content, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.pickle"
    said = str(path)
    try:
        names = pickled(path, content)
    except ValueError as error:
        names, said = [], str(error)
    assert str(path) in said
    assert all(isinstance(name, str) for name in names)
