"""An Arrow file, as `save_to_disk` of Hugging Face's `datasets` writes them: a picture lies at a place in the file.

The places are found once, with pyarrow; then a picture is read like a member of a tar file, without it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from diptych.data.shards.columnar.arrow_messages import has_compressed_batches
from diptych.data.shards.columnar.columns import BYTES, PATH, Columns, pyarrow
from diptych.data.shards.columnar.rows import Row, first_line, take, texts_of
from diptych.data.shards.contents import Contents
from diptych.data.shards.files import BadShardError, LocalFile, is_damage
from diptych.data.shards.table import Place

COMPRESSED = "its batches are compressed, so that no picture can be found by its place: write Parquet"
FILE_START, FILE_STREAM = b"ARROW1", 8
"""How the file format begins, and where its stream does; other files are streams."""


@dataclass(frozen=True)
class ArrowShard:
    """An Arrow file with a column of pictures; `image_column` and `caption_columns` are among the settings."""

    file: LocalFile
    settings: Mapping[str, Any]

    def read(self, place: Place) -> bytes:
        """The bytes of one picture."""
        return self.file.read(place.offset, place.length)

    def survey(self) -> Contents:
        """All that lies in it; what is wrong stands in the findings."""
        arrow = pyarrow()
        contents = Contents(self.file.name)
        with self.file.opened():
            try:
                with arrow.memory_map(str(self.file.path)) as source:
                    self._take_all(arrow, source.read_buffer(), contents)
            except (arrow.ArrowException, OSError) as error:
                if not is_damage(error):
                    raise
                contents.report("damaged_shards", first_line(error))
            except ValueError as error:
                raise BadShardError(f"{self.file.path}: {error}") from error
        return contents

    def _take_all(self, arrow: Any, whole: Any, contents: Contents) -> None:
        if has_compressed_batches(arrow, _as_stream(arrow, whole)):
            contents.report("damaged_shards", COMPRESSED)
            return
        schema, batches = _batches(arrow, whole)
        columns = Columns.of(schema, self.settings["image_column"], self.settings["caption_columns"])
        first = 0
        for batch in batches:
            _take(batch, whole, first, columns, contents)
            first += batch.num_rows


def _batches(arrow: Any, whole: Any) -> tuple[Any, Iterator[Any]]:
    """The schema, and the batches one after the other."""
    source = arrow.BufferReader(whole)
    if whole[: len(FILE_START)].to_pybytes() == FILE_START:
        reader = arrow.ipc.open_file(source)
        batches = map(reader.get_batch, range(reader.num_record_batches))
    else:
        reader = arrow.ipc.open_stream(source)
        batches = iter(reader)
    return reader.schema, batches


def _as_stream(arrow: Any, whole: Any) -> Any:
    """Both forms hold a stream of messages; a file has a few bytes before it, and a table of contents behind."""
    is_file = whole[: len(FILE_START)].to_pybytes() == FILE_START
    return arrow.BufferReader(whole[FILE_STREAM:] if is_file else whole)


def _take(batch: Any, whole: Any, first: int, columns: Columns, contents: Contents) -> None:
    """Take a batch's rows; one whose columns do not fit together is a problem, and the next one may be sound."""
    try:
        batch.validate(full=True)
        take(_rows(batch, whole, first, columns), columns, contents)
    except (pyarrow().ArrowException, OSError, ValueError) as error:
        if not is_damage(error):
            raise
        contents.report("damaged_shards", f"rows from {first} on: {first_line(error)}")


def _rows(batch: Any, whole: Any, first: int, columns: Columns) -> Iterator[Row]:
    images, paths = batch.column(columns.image), [None] * batch.num_rows
    if columns.is_struct:
        if images.type.get_field_index(PATH) >= 0:
            paths = pyarrow().compute.struct_field(images, PATH).to_pylist()
        images = pyarrow().compute.struct_field(images, BYTES)
    texts = texts_of(batch, columns.texts)
    starts = _starts(images, whole)
    for row, text in enumerate(texts):
        image = images[row].as_buffer()
        length = 0 if image is None else len(image)
        yield Row(first + row, text, image, paths[row], Place(0, starts[row], length))


def _starts(images: Any, whole: Any) -> list[int]:
    """Where each picture begins in the file."""
    _, offsets, data = images.buffers()
    wide = pyarrow().types.is_large_binary(images.type)
    at = np.frombuffer(offsets, np.int64 if wide else np.int32)[images.offset :][: len(images)].astype(np.int64)
    if data is None or not len(images):
        return at.tolist()
    begins = data.address - whole.address
    if not 0 <= begins <= whole.size - data.size:
        raise ValueError("its pictures do not lie in the file")
    return (at + begins).tolist()
