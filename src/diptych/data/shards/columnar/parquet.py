"""A Parquet file: a picture is addressed by its row group and its row in it, and row groups are read as a whole."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from diptych.data.caption_files.text import FREE_BYTES, MOST_TIMES
from diptych.data.shards.columnar.columns import BYTES, PATH, Columns, pyarrow
from diptych.data.shards.columnar.rows import ROWS_AT_ONCE, Row, first_line, take, texts_of
from diptych.data.shards.contents import Contents
from diptych.data.shards.files import WAY_ON, BadShardError, LocalFile, is_damage
from diptych.data.shards.table import Place

MOST_GROUP_BYTES = 1 << 29
"""Of a row group, as its file says: as many as `data.shuffle_shards` of them lie in a worker's memory."""


class RowGroups:
    """The columns of pictures that were read last, `number` of them; each process has its own."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._columns: OrderedDict[tuple[str, int], Any] = OrderedDict()

    def column(self, shard: "ParquetShard", block: int) -> Any:
        """The pictures of a row group, read now if need be."""
        key = (str(shard.file.path), block)
        if key not in self._columns:
            while len(self._columns) >= self._number:
                self._columns.popitem(last=False)
            self._columns[key] = shard.column(block)
        self._columns.move_to_end(key)
        return self._columns[key]

    def __reduce__(self) -> tuple[Any, ...]:
        return RowGroups, (self._number,)


@dataclass(frozen=True)
class ParquetShard:
    """A Parquet file with a column of pictures; `image_column` and `caption_columns` are among the settings."""

    file: LocalFile
    settings: Mapping[str, Any]
    row_groups: RowGroups

    def read(self, place: Place) -> bytes:
        """The bytes of one picture."""
        return self.row_groups.column(self, place.block)[place.offset].as_py()

    def column(self, block: int) -> Any:
        """All pictures of a row group."""
        arrow = pyarrow()
        with self.file.opened() as file:
            try:
                parquet = arrow.parquet.ParquetFile(file)
                columns = self._columns(parquet)
                name = f"{columns.image}.{BYTES}" if columns.is_struct else columns.image
                return _bytes(parquet.read_row_group(block, columns=[name]), columns)
            except (arrow.ArrowException, OSError, ValueError) as error:
                if not is_damage(error):
                    raise
                raise ValueError(f"{self.file.path}: row group {block} cannot be read any more: {WAY_ON}") from error

    def survey(self) -> Contents:
        """All that lies in it; what is wrong stands in the findings."""
        arrow = pyarrow()
        contents = Contents(self.file.name)
        with self.file.opened() as file:
            try:
                parquet = arrow.parquet.ParquetFile(file)
            except (arrow.ArrowException, OSError, ValueError) as error:
                if not is_damage(error):
                    raise
                raise BadShardError(f"{self.file.path} cannot be read as Parquet: {first_line(error)}") from error
            columns = self._columns(parquet)
            first = 0
            for block in range(parquet.num_row_groups):
                group = parquet.metadata.row_group(block)
                try:
                    take(_rows(parquet, block, first, columns), columns, contents)
                except (arrow.ArrowException, OSError, ValueError, _TooLargeError) as error:
                    if not is_damage(error):
                        raise
                    contents.report("damaged_shards", f"row group {block}: {first_line(error)}")
                first += group.num_rows
        return contents

    def _columns(self, parquet: Any) -> Columns:
        try:
            return Columns.of(parquet.schema_arrow, self.settings["image_column"], self.settings["caption_columns"])
        except ValueError as error:
            raise BadShardError(f"{self.file.path}: {error}") from error


class _TooLargeError(Exception):
    def __init__(self, size: int) -> None:
        super().__init__(
            f"it has {size:,} bytes, more than {MOST_GROUP_BYTES:,}: write the file with smaller row groups (in "
            "pyarrow row_group_size=100)"
        )


def _rows(parquet: Any, block: int, first: int, columns: Columns) -> Iterator[Row]:
    group = parquet.metadata.row_group(block)
    if group.total_byte_size > MOST_GROUP_BYTES:
        raise _TooLargeError(group.total_byte_size)
    _refuse_packed(group)
    row = size = 0
    names = [columns.image, *columns.texts]
    for batch in parquet.iter_batches(ROWS_AT_ONCE, row_groups=[block], columns=names):
        size += batch.nbytes
        if size > MOST_GROUP_BYTES:  # one picture in many rows may stand once in the file
            raise _TooLargeError(size)
        images, paths = _bytes(batch, columns), _paths(batch, columns)
        for place, text in enumerate(texts_of(batch, columns.texts)):
            image = images[place].as_buffer()
            length = 0 if image is None else len(image)
            yield Row(first + row, text, image, paths[place], Place(block, row, length))
            row += 1


def _refuse_packed(group: Any) -> None:
    """Pictures are compressed by themselves; what becomes much larger when it is unpacked is no picture."""
    packed = sum(group.column(number).total_compressed_size for number in range(group.num_columns))
    if group.total_byte_size > max(FREE_BYTES, MOST_TIMES * packed):
        raise ValueError(f"its {packed:,} bytes unpack to {group.total_byte_size:,}, which no pictures do")


def _bytes(table: Any, columns: Columns) -> Any:
    column = table.column(columns.image)
    return pyarrow().compute.struct_field(column, BYTES) if columns.is_struct else column


def _paths(table: Any, columns: Columns) -> list[str | None]:
    column = table.column(columns.image)
    if not columns.is_struct or column.type.get_field_index(PATH) < 0:
        return [None] * len(column)
    return pyarrow().compute.struct_field(column, PATH).to_pylist()
