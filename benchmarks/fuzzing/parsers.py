"""Every parser of files from elsewhere: how it is asked, what valid input is, and how input is damaged."""

import gzip
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from diptych.data.caption_files import read_rows
from diptych.data.caption_files.pickles import pickled_names
from diptych.data.folders.checks import Findings, examine
from diptych.data.folders.class_names import read_class_names
from diptych.data.folders.facts import facts_of
from diptych.data.folders.picture import Picture
from diptych.data.folders.splits import apply_split_lists
from diptych.data.labelled.cifar_files import LAYOUTS, Files, parse_pickle
from diptych.data.labelled.idx import read_idx
from diptych.data.pictures import PictureError, decoders_silent, square_bytes
from diptych.data.shards.columnar.arrow import ArrowShard
from diptych.data.shards.columnar.parquet import ParquetShard, RowGroups
from diptych.data.shards.files import LocalFile
from diptych.data.shards.tar_shard import TarShard
from diptych.runs.images.files import answers_the_same

from . import derived, seeds
from .mutations import Mutation, damaged, either
from .parser import Parser
from .structures import instructions, many_lines, nested_json, other_headers, other_json, other_lines

COLUMNS = {"image_column": None, "caption_columns": None, "shard_keys": False}


def _picture(path: Path) -> None:
    """A picture that the check accepts decodes in training, and the other way round."""
    with decoders_silent():
        facts = facts_of(path)
        try:
            square_bytes(path, 64, Random(0))
            decodes = True
        except PictureError:
            decodes = False
    assert decodes != bool(facts.fault), f"checked: {facts.fault or 'sound'}, used: {decodes}"


def _sound_picture(path: Path) -> None:
    with decoders_silent():
        facts = facts_of(path)
    assert not facts.fault, f"EXIF spoils a sound picture: {facts.fault}"


def _captions(path: Path) -> Findings:
    return examine(read_rows(path), path.parent / "pictures")


def _texts(path: Path) -> Findings:
    return _captions(path.parent)


def _split_list(path: Path) -> Any:
    return apply_split_lists([Picture("0.jpg", ""), Picture("b/1.jpg", "")], {"train": path})


def _classes(path: Path) -> Any:
    return read_class_names(path, ("n01", "n02"))


def _names(path: Path) -> Any:
    return pickled_names(path)


def _cifar_pickle(path: Path) -> Any:
    return parse_pickle(path.read_bytes(), str(path))


def _cifar_archive(path: Path) -> Any:
    return Files(LAYOUTS[1], path).read()


def _idx(path: Path) -> Any:
    for axes in (3, 1):
        try:
            read_idx(path, axes=axes)
        except ValueError as error:
            last = error
        else:
            return
    raise last


def _record(path: Path) -> Any:
    with decoders_silent():
        return answers_the_same(path, (4, 4), json.dumps({"sentence": "a dog"}))


def _survey(shard: Callable[[LocalFile], Any], path: Path) -> Any:
    made = shard(LocalFile(path))
    entries = made.survey().entries()
    return [made.read(entry.place) for entry in entries]


def _zipped(rng: Random, given: Sequence[bytes]) -> bytes:
    """Half the time the damage is within."""
    if rng.random() < 0.5:
        return damaged(rng, given)
    return gzip.compress(damaged(rng, [gzip.decompress(given[rng.randrange(len(given) - 1)])]), 1, mtime=0)


def _gzipped(mutate: Mutation) -> Mutation:
    return lambda rng, given: gzip.compress(mutate(rng, given), 1, mtime=0)


def _exif(rng: Random, given: Sequence[bytes]) -> bytes:
    return seeds.with_exif(damaged(rng, [seeds.exif_block()]), rng.randrange(3))


JSON = either(other_json, other_json, damaged, nested_json)
LINES = either(other_lines, damaged, many_lines)

PARSERS: tuple[Parser, ...] = (
    Parser("pictures", "0.jpg", seeds.pictures, _picture),
    Parser("EXIF", "0.jpg", seeds.pictures, _sound_picture, _exif),
    Parser("JSON captions", "captions.json", partial(seeds.captions, "json"), _captions, JSON),
    Parser("JSON lines", "captions.jsonl", partial(seeds.captions, "json lines"), _captions, either(JSON, many_lines)),
    Parser("CSV", "captions.csv", partial(seeds.captions, "csv"), _captions, LINES),
    Parser("Flickr lines", "results.token", partial(seeds.captions, "flickr lines"), _captions, LINES),
    Parser("COCO", "coco.json", partial(seeds.captions, "coco"), _captions, JSON),
    Parser("Karpathy", "karpathy.json", partial(seeds.captions, "karpathy"), _captions, JSON),
    Parser("compressed captions", "captions.gz", seeds.zipped, _captions, _zipped),
    Parser("text folders", "0.txt", partial(seeds.captions, "texts"), _texts, LINES),
    Parser("split lists", "split.txt", partial(seeds.captions, "lists"), _split_list, LINES),
    Parser("class names", "names.txt", partial(seeds.captions, "classes"), _classes, LINES),
    Parser("pickled names", "names.pickle", seeds.names, _names, either(damaged, instructions)),
    Parser("CIFAR pickles", "data_batch_1", seeds.cifar_pickles, _cifar_pickle, either(damaged, instructions)),
    Parser(
        "CIFAR archives", "cifar.tar.gz", seeds.cifar_archives, _cifar_archive, _gzipped(either(damaged, other_headers))
    ),
    Parser("idx", "images-idx3-ubyte", seeds.idx, _idx),
    Parser("tar", "0.tar", seeds.tars, partial(_survey, TarShard), either(damaged, other_headers)),
    Parser(
        "Parquet",
        "0.parquet",
        partial(seeds.tables, "parquet"),
        partial(_survey, lambda file: ParquetShard(file, COLUMNS, RowGroups(2))),
    ),
    Parser(
        "Arrow", "0.arrow", partial(seeds.tables, "arrow"), partial(_survey, lambda file: ArrowShard(file, COLUMNS))
    ),
    Parser("PNG records", "0.png", seeds.recorded, _record),
    *derived.PARSERS,
)
