"""Which columns of a table of Parquet or Arrow hold pictures and captions, and what a row says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diptych.data.caption_files import CaptionRow, Fault, picture_name
from diptych.data.caption_files.rows import (
    CAPTION_COLUMNS,
    FILE_COLUMNS,
    ID_COLUMNS,
    SPLIT_COLUMN,
    column_name,
    row_of,
)
from diptych.data.caption_files.text import shown

BYTES, PATH = "bytes", "path"
"""The fields of a picture as Hugging Face's `datasets` keep it."""
ADDRESS_COLUMNS = ("url", "image_url", "uri")
COLUMNS_SHOWN = 20
PICKED = (*FILE_COLUMNS, *CAPTION_COLUMNS, SPLIT_COLUMN)


def pyarrow() -> Any:
    """The library, or a message that says how to install it."""
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.ipc
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise ValueError("data=hf reads Parquet and Arrow files by pyarrow: pip install 'diptych[hf]'") from error
    return pyarrow


@dataclass(frozen=True)
class Columns:
    """The column of pictures (`is_struct`: with bytes and path) and those of texts; `captions` where they are named."""

    image: str
    is_struct: bool
    texts: tuple[str, ...]
    captions: tuple[str, ...] | None

    @classmethod
    def of(cls, schema: Any, image_column: str | None, caption_columns: Sequence[str] | None) -> "Columns":
        """Those of a table; a ValueError names its columns, and the key that chooses."""
        image, is_struct = _image(schema, image_column)
        absent = [name for name in caption_columns or () if name not in schema.names]
        if absent:
            raise ValueError(f"data.caption_columns: there is no column {absent[0]!r}; {_all(schema)}")
        texts = [name for name in schema.names if name != image and column_name(name) in PICKED]
        has_captions = any(column_name(name) in CAPTION_COLUMNS for name in texts)
        if not caption_columns and not has_captions:
            raise ValueError(
                f"no column is called {', '.join(CAPTION_COLUMNS)}: name data.caption_columns=[…]; {_all(schema)}"
            )
        named = tuple(caption_columns) if caption_columns else None
        chosen = tuple(dict.fromkeys([*texts, *(named or ())]))
        twice = [name for name in (image, *chosen) if schema.names.count(name) > 1]
        if twice:
            raise ValueError(f"two columns are called {twice[0]!r}; {_all(schema)}")
        return cls(image, is_struct, chosen, named)

    def name(self, row: Mapping[str, Any], path: str | None, otherwise: str) -> str:
        """The picture's name: of a column of file names, else of the picture itself, else its place."""
        by_name = {column_name(column): value for column, value in row.items()}
        given = next((by_name[name] for name in FILE_COLUMNS if isinstance(by_name.get(name), str)), None)
        return picture_name(given or path or otherwise)

    def rows(self, row: Mapping[str, Any], name: str, place: str) -> Iterator[CaptionRow | Fault]:
        """The captions of a row, under the picture's name."""
        without = (*FILE_COLUMNS, *ID_COLUMNS, *(CAPTION_COLUMNS if self.captions else ()))
        entry = {column: value for column, value in row.items() if column_name(column) not in without}
        if self.captions:
            entry = {column: value for column, value in entry.items() if column not in self.captions}
            entry[CAPTION_COLUMNS[0]] = [each for column in self.captions for each in _listed(row[column])]
        return row_of({FILE_COLUMNS[0]: name, **entry}, place)


def _listed(value: Any) -> list[Any]:
    given = value if isinstance(value, list) else [value]
    return [each for each in given if each is not None]


def _image(schema: Any, given: str | None) -> tuple[str, bool]:
    """The column of pictures, and whether it is a struct."""
    named = [field for field in schema if pyarrow().types.is_struct(field.type) and _part(field.type, BYTES)]
    structs = [field.name for field in named if _is_picture(field.type)]
    plain = [field.name for field in schema if _is_binary(field.type)]
    if given is not None:
        if given not in (*structs, *plain):
            raise ValueError(
                f"data.image_column={given}: there is no such column with the bytes of pictures; {_all(schema)}"
            )
        return given, given in structs
    found = structs or plain
    if len(found) == 1:
        return found[0], bool(structs)
    if found:
        raise ValueError(f"several columns may hold pictures: name data.image_column=…; {_all(schema)}")
    if named:
        raise ValueError(
            f"the column {named[0].name!r} is {named[0].type}: the bytes of a picture must be binary, its path a "
            f"string; {_all(schema)}"
        )
    addresses = [name for name in schema.names if column_name(name) in ADDRESS_COLUMNS]
    if addresses:
        raise ValueError(
            f"the column {addresses[0]!r} has addresses of pictures, not their bytes: fetch them first, for example "
            "with img2dataset, whose tar files data=webdataset reads"
        )
    raise ValueError(f"no column has the bytes of pictures; {_all(schema)}")


def _is_picture(struct: Any) -> bool:
    """Whether its bytes are bytes, and its path, where it has one, a text."""
    path = _part(struct, PATH)
    return _is_binary(_part(struct, BYTES)) and (path is None or _is_text(path))


def _part(struct: Any, name: str) -> Any:
    """The type of the field with this name; None where there is not exactly one."""
    place = struct.get_field_index(name)
    return struct.field(place).type if place >= 0 else None


def _is_binary(kind: Any) -> bool:
    return pyarrow().types.is_binary(kind) or pyarrow().types.is_large_binary(kind)


def _is_text(kind: Any) -> bool:
    return pyarrow().types.is_string(kind) or pyarrow().types.is_large_string(kind)


def _all(schema: Any) -> str:
    listed = ", ".join(shown(f"{field.name} ({field.type})", 60) for field in list(schema)[:COLUMNS_SHOWN])
    return f"it has {listed}" if len(schema) <= COLUMNS_SHOWN else f"it has {listed}, …"
