import json
import logging
import os
from itertools import islice, pairwise
from operator import itemgetter
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from diptych.data import ExampleRequest
from diptych.data.loading.loader import end_workers
from diptych.data.shards import tar_shard
from diptych.data.summary import summarise


def opened(data):
    data.setup()
    return data


@pytest.fixture
def both(webdataset, folder_data, tars, picture_folder):
    """`both(**changes)`: the same data from tar files and from a folder."""
    return lambda **changes: (opened(webdataset(tars, **changes)), opened(folder_data(picture_folder, **changes)))


@pytest.mark.parametrize("changes", [{}, {"train_size": 7}, {"fold": 1}, {"val_share": 0.0, "seed": 3}])
def test_tar_files_have_the_splits_of_a_folder(both, changes):
    tar, folder = both(**changes)
    for split in ("train", "val", "test"):
        mine, other = ([s.facts_of(i) for i in range(s.size)] for s in (tar.splits[split], folder.splits[split]))
        by_name = sorted(other, key=itemgetter("names"))
        assert (
            sorted(mine, key=itemgetter("names")) if "train_size" in changes or "fold" in changes else mine
        ) == by_name


def test_tar_files_have_the_examples_of_a_folder(both):
    tar, folder = both(captions_per_image=2)
    assert (tar.spec.vocabulary, tar.spec.max_length, tar.spec.languages) == (
        folder.spec.vocabulary,
        folder.spec.max_length,
        folder.spec.languages,
    )
    for index in range(tar.splits["train"].size):
        mine, other = (data.splits["train"] for data in (tar, folder))
        assert mine.identity_of(index) == other.identity_of(index)
        assert mine.captions_of(index) == other.captions_of(index)
        for request in (ExampleRequest(index, index + 5), ExampleRequest(index)):
            one, same = mine[request], other[request]
            assert (one.key, one.sentences, one.references) == (same.key, same.sentences, same.references)
            assert torch.equal(one.image, same.image)


def batches(data, start=0, number=20, rank=0, ranks=1):
    data.setup()
    data.trainer = SimpleNamespace(global_rank=rank, world_size=ranks)
    data.batches_consumed = start
    return [(batch.keys, batch.images) for batch in islice(data.train_dataloader(), number)]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_that_was_killed_goes_on_where_it_was_whatever_its_ranks_and_workers(workers, webdataset, tars):
    def build(**changes):
        return webdataset(tars, val_share=0.0, test_share=0.0, **changes)

    whole = batches(build(), number=20)
    resumed = batches(build(num_workers=workers), start=7, number=13)
    assert [keys for keys, _ in resumed] == [keys for keys, _ in whole[7:]]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(resumed, whole[7:], strict=True))
    halves = [batches(build(num_workers=workers), start=7, number=13, rank=rank, ranks=2) for rank in (0, 1)]
    together = [first[0] + second[0] for first, second in zip(*halves, strict=True)]
    assert together == [keys for keys, _ in whole[7:]]
    for number in (0, 1):
        visited = [key for keys, _ in whole[10 * number : 10 * number + 10] for key in keys]
        assert sorted(visited) == [f"{i:04d}.png" for i in range(40)]


def test_a_pass_stays_within_a_group_of_shards(webdataset, tars):
    data = opened(webdataset(tars, val_share=0.0, test_share=0.0, shuffle_shards=1))
    train = data.splits["train"]
    shards = [train.samples.shard_name(train.numbers[i]) for i in train.order(0, 0)]
    assert len([1 for a, b in pairwise(shards) if a != b]) == 4


def test_the_second_opening_looks_at_no_shard(webdataset, tars, monkeypatch):
    opened(webdataset(tars))
    monkeypatch.setattr(tar_shard.TarShard, "survey", lambda shard: pytest.fail("it was looked at again"))
    assert opened(webdataset(tars)).splits["train"].size == 24
    with pytest.raises(pytest.fail.Exception):
        opened(webdataset(tars, shard_keys=True))


def test_a_shard_that_changed_is_looked_at_again_and_no_other(webdataset, tars, monkeypatch, write_tar, samples):
    opened(webdataset(tars))
    write_tar(tars / "part-001.tar", samples(["0010.png"]))
    seen, survey = [], tar_shard.TarShard.survey
    monkeypatch.setattr(tar_shard.TarShard, "survey", lambda shard: (seen.append(shard.file.name), survey(shard))[1])
    assert webdataset(tars).inspect().num_pictures == 29
    assert seen == ["part-001.tar"]


@pytest.mark.parametrize("damage", [b"", b"{}\n", b'{"format": 1, "made_from": 3}\n', b"\xff" * 50])
def test_a_damaged_index_is_made_anew(webdataset, tars, damage):
    before = webdataset(tars).inspect()
    indices = list(Path(os.environ["DIPTYCH_CACHE"]).rglob("*.index"))
    for path in indices:
        path.write_bytes(damage)
    after = webdataset(tars).inspect()
    assert (after.num_pictures, after.num_captions) == (before.num_pictures, before.num_captions) == (40, 80)
    assert len(indices) == 5


def test_shards_may_be_named_by_split(webdataset, tars):
    shards = {"train": ["part-{000..002}.tar"], "val": "part-003.tar", "test": "part-004.tar"}
    data = opened(webdataset(tars, shards))
    assert {name: split.size for name, split in data.splits.items()} == {"train": 23, "val": 16, "test": 1}


def test_a_split_in_json_counts_beside_the_lines_of_captions(webdataset, tmp_path, write_tar, pictures):
    def members():
        for i, split in enumerate(("train", "dev", "test")):
            fields = {"split": split, "caption": "not read", "url": "https://elsewhere/1.jpg", "id": [1]}
            yield f"{i}.png", pictures[f"{i:04d}.png"]
            yield f"{i}.txt", b"first\r\n\r\nsecond\r\n"
            yield f"{i}.json", json.dumps(fields).encode()

    write_tar(tmp_path / "one.tar", members())
    data = opened(webdataset(tmp_path, "one.tar"))
    for name, key in (("train", "0.png"), ("val", "1.png"), ("test", "2.png")):
        assert data.splits[name].facts_of(0)["names"] == key
        assert data.splits[name].captions_of(0) == ("first", "second")


@pytest.mark.parametrize(
    ("fields", "captions"),
    [({"caption": "a dog"}, 1), ({"Captions": ["a dog", "a cat"]}, 2), ({"text": "a dog", "key": 3, "image": "x"}, 1)],
)
def test_captions_may_stand_in_json_under_the_names_of_caption_files(
    fields, captions, webdataset, tmp_path, write_tar, picture
):
    write_tar(tmp_path / "one.tar", [("a.png", picture), ("a.json", json.dumps(fields).encode())])
    findings = webdataset(tmp_path, "one.tar").inspect()
    assert (findings.num_pictures, findings.num_captions, findings.problems) == (1, captions, {})


def test_shards_that_count_from_zero_are_told_apart_by_their_names(webdataset, tmp_path, write_tar, samples):
    for name in ("a.tar", "b.tar"):
        write_tar(tmp_path / name, samples(["0000.png", "0001.png"]))
    findings = webdataset(tmp_path, ["a.tar", "b.tar"]).inspect()
    (first, _) = findings.problems["duplicate_ids"]
    assert first.startswith("b.tar: 0000.png")
    assert "data.shard_keys=true" in first
    assert (findings.num_pictures, findings.num_captions) == (2, 4)
    named = webdataset(tmp_path, ["a.tar", "b.tar"], shard_keys=True).inspect()
    assert named.problems == {}
    assert named.samples.key(2) == "b/0000.png"


def test_problems_stop_training_before_the_first_step_and_name_the_fix(webdataset, tars):
    (tars / "part-001.tar").write_bytes((tars / "part-001.tar").read_bytes()[:4700])
    with pytest.raises(ValueError, match=r"(?s)data\.shards=.*part-001\.tar: it is cut off.*on_error=skip") as error:
        webdataset(tars).setup()
    assert "diptych data check webdataset" in str(error.value)


def test_skipping_trains_on_what_is_good_and_counts_the_rest(webdataset, tars, caplog):
    (tars / "part-001.tar").write_bytes((tars / "part-001.tar").read_bytes()[:9000])
    (tars / "part-003.tar").unlink()
    data = webdataset(tars, on_error="skip", val_share=0.0, test_share=0.0)
    with caplog.at_level(logging.WARNING, logger="diptych"):
        data.setup()
    assert "shards that cannot be read, or not to their end: 2 (" in caplog.text
    assert f"with {data.splits['train'].size:,} good pictures remaining" in caplog.text
    assert 12 <= data.splits["train"].size < 24
    assert len(batches(data, number=4)) == 4


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("damage", ["shrinks", "is replaced", "is gone"])
def test_a_shard_that_breaks_later_is_named_with_what_to_do(damage, workers, webdataset, tars):
    data = opened(webdataset(tars, val_share=0.0, test_share=0.0, num_workers=workers))
    path = tars / "part-003.tar"
    if damage == "shrinks":
        os.truncate(path, 4000)
    elif damage == "is replaced":
        path.write_bytes(path.read_bytes()[::-1])
    else:
        path.unlink()
    said = "cannot be read: No such file" if damage == "is gone" else "has changed since it was indexed: start again"
    with pytest.raises(ValueError, match=rf"part-003\.tar {said}"):
        batches(data, number=10)
    end_workers()  # torch waits for those of a failed loader


def test_a_summary_counts_what_a_folder_has(both):
    tar, folder = map(summarise, both())
    assert tar | {"name": ""} == folder | {"name": ""}


@pytest.mark.parametrize(
    ("shards", "said"),
    [
        ("pipe:cat x.tar", "starts no other program"),
        ("file:///etc/passwd", "files and http"),
        ("s3://bucket/{0..3}.tar", "https address"),
        ("https://[host/{0..3}.tar", "no address: write https://HOST/PATH"),
        ("https://host:port/0.tar", "no address"),
        ("https:///0.tar", "no address"),
        ("https://host/a shard.tar", "%20 for a space"),
        ([], "names no shard"),
        (["part-000.tar", "part-{000..001}.tar"], "twice"),
        ("part-{0..99999999}.tar", "1,000,000"),
        ("{000..999}{000..999}{000..999}.tar", "1,000,000,000 shards"),
        ({"training": "part-000.tar"}, "'training' is no split"),
        ("nothing-*.tar", "no such shard"),
    ],
)
def test_shards_that_nobody_can_read_are_refused_by_name(shards, said, webdataset, tars):
    with pytest.raises(ValueError, match=said) as error:
        webdataset(tars, shards).setup()
    assert "data.shards" in str(error.value)


@pytest.mark.parametrize("name", ["last.tar.gz", "last.tgz", "last.tar.zst"])
def test_a_folder_with_a_compressed_shard_is_refused_and_not_read_in_part(name, webdataset, tars):
    (tars / name).write_bytes(b"")
    with pytest.raises(ValueError, match=rf"data\.shards=\.: .*{name}.*gunzip"):
        webdataset(tars, ".").setup()
    assert webdataset(tars, "*.tar").inspect().num_pictures == 40


def test_an_index_is_made_anew_when_what_reads_shards_has_changed(webdataset, tars, monkeypatch):
    opened(webdataset(tars))
    monkeypatch.setattr(tar_shard.TarShard, "survey", lambda shard: pytest.fail("it was looked at again"))
    opened(webdataset(tars))
    monkeypatch.setattr("diptych.data.shards.index.readers", lambda names: "others")
    with pytest.raises(pytest.fail.Exception):
        opened(webdataset(tars))


@pytest.mark.parametrize("shards", [".", "*.tar", "part-*.tar", "part-{000,001,002,003,004}.tar"])
def test_shards_are_named_by_folders_patterns_and_braces(shards, webdataset, tars):
    assert webdataset(tars, shards).inspect().num_pictures == 40
