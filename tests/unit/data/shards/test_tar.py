import gzip
import io
import json
import tarfile
import time
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data.shards.tar import DamagedTarError, members

NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=150)


def tar_of(*infos: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT, **contents: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as tar:
        for info in infos:
            content = contents.get(info.name, b"x" * info.size)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def info(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, **more) -> tarfile.TarInfo:
    one = tarfile.TarInfo(name)
    one.size, one.type = size, kind
    for key, value in more.items():
        setattr(one, key, value)
    return one


def found(content: bytes) -> list:
    return list(members(io.BytesIO(content), len(content)))


@given(
    st.lists(st.tuples(NAMES, st.integers(0, 1500)), max_size=6, unique_by=lambda each: each[0]),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_members_are_those_of_pythons_tarfile(named, form):
    content = tar_of(*(info(name, size) for name, size in named), form=form)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        theirs = [(each.name, each.offset_data, each.size) for each in tar.getmembers() if each.isfile()]
    assert [(each.name, each.offset, each.length) for each in found(content) if not each.is_folder] == theirs


@given(st.data())
def test_no_file_ends_in_anything_but_members_or_one_error(data):
    content = bytearray(tar_of(info("a.png", 700), info("b" * 200, 30), info("c", pax_headers={"comment": "x"})))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(DamagedTarError):
        for each in members(io.BytesIO(cut), len(cut)):
            assert 0 <= each.offset <= each.offset + each.length <= len(cut)


def header(**fields: bytes) -> bytes:
    """A header with some bytes set, its checksum made right again."""
    block = bytearray(info("a.png", 10).tobuf(tarfile.GNU_FORMAT))
    for place, value in ((int(key[1:]), value) for key, value in fields.items()):
        block[place : place + len(value)] = value
    block[148:156] = b" " * 8
    block[148:155] = b"%06o\0" % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it ends after 0 bytes, before its first member"),
        (b"no tar file" * 100, "is it a tar file"),
        (tar_of(info("a.png", 900))[:1000], "it is cut off in a.png, at byte 1,000 of 1,412"),
        (tar_of(info("a.png", 900))[:1536], "without the end mark"),
        (tar_of(info("a.png", 900)) + b"more", "8,196 bytes follow"),
        (tar_of(info("a.png", 9)) + tar_of(info("b.png", 9)), "tar --concatenate"),
        (tar_of(info("a.png", 9))[:1024] + b"\1" * 512, "at byte 1,024 there is no header"),
        (gzip.compress(tar_of(info("a.png", 9)), mtime=0), "compressed with gzip.*gunzip it"),
        (b"BZh9" + b"0" * 600, "compressed with bzip2"),
        (header(_124=b"\xff" * 12), "an impossible size"),
        (header(_124=b"\x80" + b"\xff" * 11), "an impossible size"),
        (header(_124=b"77777777777\0"), "it is cut off in a.png"),
        (header(_156=b"x", _124=b"77777777777\0"), "it is cut off"),
        (header(_156=b"L", _124=b"00010000000\0") + b"n" * (1 << 21), "2,097,152 bytes, more than 1,048,576"),
    ],
)
def test_what_is_wrong_with_a_tar_file_is_said_with_its_place(content, said):
    with pytest.raises(DamagedTarError, match=said):
        found(content)


def test_a_header_of_headers_takes_neither_time_nor_memory():
    records = b"".join(b"%d path=%s\n" % (15 + 5 + 1, b"a" * 10) for _ in range(10_000))
    one = header(_156=b"x", _124=b"%011o\0" % len(records)) + records.ljust(-(-len(records) // 512) * 512, b"\0")
    content, started = one * 40, time.process_time()
    tracemalloc.start()
    with pytest.raises(DamagedTarError):
        found(content)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.process_time() - started < 10
    assert most < 30_000_000


# What a check of one shard says, by the kind of problem.


def test_every_kind_of_member_that_is_no_plain_file_is_named(webdataset, tmp_path, picture):
    kinds = {"link.png": b"2", "hard.png": b"1", "device.png": b"3", "pipe.png": b"6", "odd.png": b"Z"}
    sparse = info("sparse.png", 10, pax_headers={"GNU.sparse.major": "1"})
    infos = [info(name, kind=kind, linkname="/etc/passwd") for name, kind in kinds.items()]
    (tmp_path / "one.tar").write_bytes(tar_of(*infos, sparse))
    problems = webdataset(tmp_path, "one.tar").inspect().problems
    names = problems.pop("refused_members")
    assert names[0] == "one.tar: link.png (a symbolic link)"
    assert [name.split()[1] for name in names] == [*kinds, "sparse.png"]
    assert problems == {}


def test_a_good_shard_has_no_problems(problems, samples):
    assert problems(samples(["0000.png", "0007.png"])) == {}


def test_folders_and_names_with_a_detour_are_no_problem(webdataset, tmp_path, write_tar, picture):
    write_tar(tmp_path / "one.tar", [("./a/1.JPG", picture), ("a//1.txt", b"a dog")])
    findings = webdataset(tmp_path, "one.tar").inspect()
    assert findings.problems == {}
    assert findings.samples.key(0) == "a/1.JPG"


def test_each_fault_is_named_by_its_kind_shard_and_member(problems, picture):
    faulty = [
        ("/etc/a.png", picture),
        ("../b.png", picture),
        ("silent.png", picture),
        ("alone.txt", b"there is no picture"),
        ("alone2.json", b'{"text": "nor here"}'),
        ("cut.png", picture[:200]),
        ("cut.txt", b"half a picture"),
        ("empty.png", b""),
        ("empty.txt", b"no picture"),
        ("twice.png", picture),
        ("twice.png", picture),
        ("twice.txt", b"a picture"),
        ("two.png", picture),
        ("two.jpg", picture),
        ("two.txt", b"a picture"),
        ("latin.png", picture),
        ("latin.txt", "caf\xe9".encode("latin-1")),
        ("broken.png", picture),
        ("broken.json", b'{"text": '),
        ("list.png", picture),
        ("list.json", b'["a dog"]'),
        ("number.png", picture),
        ("number.json", b'{"text": 3}'),
        ("half.png", picture),
        ("half.json", json.dumps({"text": "half \ud83d"}).encode()),
        ("split.png", picture),
        ("split.json", b'{"text": "a dog", "split": "training"}'),
        ("blank.png", picture),
        ("blank.txt", "\u200b\n \n".encode()),
        ("._a.png", b"\0"),
        ("__MACOSX/a.png", b"\0"),
        ("a.cls", b"3"),
        ("b.cls", b"4"),
        ("c.pkl", b"cposix\nsystem\n(S'exit'\ntR."),
    ]
    said = problems(faulty)
    brief = {kind: [name.removeprefix("one.tar: ").split(" (")[0] for name in names] for kind, names in said.items()}
    assert all(name.startswith("one.tar: ") for names in said.values() for name in names)
    assert brief == {
        "outside_paths": ["/etc/a.png", "../b.png"],
        "duplicate_ids": ["twice.png", "two.jpg"],
        "broken_text": ["latin.txt", "half.json"],
        "malformed_lines": ["broken.json", "list.json", "number.json", "split.json"],
        "empty_captions": ["blank.txt:1"],
        "missing_files": ["alone.txt", "alone2.json"],
        "undecodable_files": ["cut.png", "empty.png"],
        "pictures_without_captions": [
            *("silent.png", "latin.png", "broken.png", "list.png", "number.png", "half.png", "split.png", "blank.png")
        ],
        "ignored_members": [
            "2 hidden members, for example ._a.png",
            "2 members .cls, for example a.cls",
            "1 members .pkl, for example c.pkl",
        ],
    }


def test_members_that_are_no_part_of_an_example_stop_nothing(webdataset, tmp_path, write_tar, samples):
    write_tar(tmp_path / "one.tar", [*samples(["0000.png"]), ("0000.cls", b"3")])
    assert webdataset(tmp_path, "one.tar").usable().num_pictures == 1


def test_a_member_too_large_to_be_a_picture_is_refused_unread(problems, monkeypatch):
    monkeypatch.setattr("diptych.data.shards.tar_shard.MOST_PICTURE_BYTES", 1000)
    monkeypatch.setattr("diptych.data.shards.tar_shard.MOST_TEXT_BYTES", 100)
    said = problems([("a.png", bytes(1001)), ("a.txt", bytes(101))])
    assert said["refused_members"] == [
        "one.tar: a.png (1,001 bytes, more than 1,000)",
        "one.tar: a.txt (101 bytes, more than 100)",
    ]
