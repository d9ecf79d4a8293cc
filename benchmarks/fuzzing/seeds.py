"""Small valid files of every form that is read, made here: what damage is done to."""

import gzip
import io
import json
import pickle
import struct
import tarfile
import zlib
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from PIL import Image, PngImagePlugin

from .captions import TEXTS

SIDE = 24


def _pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)


def _encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@cache
def pictures() -> Sequence[bytes]:
    """Every format that diptych reads, in its usual variants."""
    rgb = Image.fromarray(_pixels(SIDE, SIDE, 3))
    rgba, grey = Image.fromarray(_pixels(SIDE, SIDE, 4), "RGBA"), rgb.convert("L")
    deep = Image.fromarray(_pixels(SIDE, SIDE).astype(np.uint16) * 257)
    floats = Image.fromarray(_pixels(SIDE, SIDE).astype(np.float32) / 255)
    frames = {"save_all": True, "append_images": [grey.convert("RGB"), rgb]}
    exif = exif_block()
    return (
        _encoded(rgb, "JPEG", exif=exif),
        _encoded(rgb, "JPEG", progressive=True),
        _encoded(rgb.convert("CMYK"), "JPEG"),
        _encoded(rgb, "PNG", exif=exif),
        _encoded(rgba, "PNG"),
        _encoded(deep, "PNG"),
        _encoded(rgb.convert("P"), "PNG", transparency=3),
        _encoded(rgb, "PNG", **frames),
        _encoded(rgb, "GIF", **frames),
        _encoded(rgb, "WEBP", lossless=True, exif=exif),
        _encoded(rgba, "WEBP", **frames),
        _encoded(rgb, "TIFF", compression="tiff_lzw"),
        _encoded(rgb, "TIFF", compression="tiff_adobe_deflate", **frames),
        _encoded(rgb, "TIFF", compression="jpeg"),
        _encoded(floats, "TIFF"),
        _encoded(rgb.convert("1"), "TIFF", compression="group4"),
        _encoded(rgb, "BMP"),
        _encoded(rgb.convert("P"), "BMP"),
        _encoded(rgb, "PPM"),
        b"P3 2 2 255\n" + b"1 2 3 " * 4,
        b"P1 4 2\n01010101",
    )


def exif_block() -> bytes:
    """Orientation, a text, a rational and an inner directory."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x011A] = 6, "a picture", 72.0
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0a comment"
    return exif.tobytes()


def with_exif(exif: bytes, kind: int) -> bytes:
    """A sound picture with this EXIF: JPEG, PNG or WebP."""
    rgb = Image.fromarray(_pixels(SIDE, SIDE, 3))
    exif = exif[:65_000]
    if kind == 0:
        plain = _encoded(rgb, "JPEG")
        return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    if kind == 1:
        plain, chunk = _encoded(rgb, "PNG"), b"eXIf" + exif.removeprefix(b"Exif\0\0")
        whole = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        return plain[:33] + whole + plain[33:]
    return _encoded(rgb, "WEBP", exif=exif)


def recorded() -> Sequence[bytes]:
    """PNG and GIF files with a record of how they were made."""
    record = json.dumps({"version": 1, "sentence": "a dog", "options": {"steps": [1, {"n": 2}]}})
    picture, chunks = Image.fromarray(_pixels(4, 4, 3)), PngImagePlugin.PngInfo()
    chunks.add_itxt("diptych", record)
    return _encoded(picture, "PNG", pnginfo=chunks), _encoded(picture, "GIF", comment=record.encode())


def captions(name: str) -> Sequence[bytes]:
    """Caption files of one kind."""
    return tuple(text.encode() for text in TEXTS[name])


@cache
def zipped() -> Sequence[bytes]:
    """Compressed caption files, and one that is small only while it is compressed."""
    plain = [text for texts in TEXTS.values() for text in captions_of(texts)]
    return (
        *(gzip.compress(text, mtime=0) for text in plain),
        gzip.compress(b"file_name,text\n" + bytes(40 << 20), mtime=0),
    )


def captions_of(texts: Iterable[str]) -> list[bytes]:
    """As bytes."""
    return [text.encode() for text in texts]


class _Runs:
    def __reduce__(self) -> tuple[object, ...]:
        import os

        return os.system, ("true",)


def names() -> Sequence[bytes]:
    """Pickled lists of names, and one that would run a program."""
    given = ["001.Bird/a", "001.Bird/b", "café/一"]
    return (
        *(pickle.dumps(given, protocol) for protocol in range(6)),
        pickle.dumps(tuple(given), 2),
        pickle.dumps([_Runs()], 2),
    )


@cache
def cifar_pickles() -> Sequence[bytes]:
    """Files of the Python version, of one picture each."""
    table = {"data": _pixels(1, 3072), "labels": [3], "batch_label": "b", "filenames": ["a.png"]}
    as_bytes = {key.encode(): value for key, value in table.items()}
    return (
        *(pickle.dumps(t, protocol) for t in (table, as_bytes) for protocol in (2, 3, 4, 5)),
        pickle.dumps(_Runs(), 2),
    )


@cache
def cifar_archives() -> Sequence[bytes]:
    """The archive of the binary version with one picture a file."""
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    row = bytes((3,)) + _pixels(3072).tobytes()
    return (tar([(f"cifar-10-batches-bin/{name}.bin", row) for name in names]),)


def idx() -> Sequence[bytes]:
    """Pictures and labels, plain and compressed."""
    images = bytes((0, 0, 8, 3)) + struct.pack(">3I", 2, 5, 4) + _pixels(40).tobytes()
    labels = bytes((0, 0, 8, 1)) + struct.pack(">I", 3) + bytes(3)
    return images, labels, gzip.compress(images, mtime=0)


def tar(members: Iterable[tuple[str, bytes]], form: int = tarfile.USTAR_FORMAT) -> bytes:
    """A tar file."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


@cache
def tars() -> Sequence[bytes]:
    """Shards of two or three pictures, with short and long names."""
    png, jpeg = pictures()[3], pictures()[0]
    members = [
        ("0.jpg", jpeg),
        ("0.txt", b"a dog\nthe dog"),
        ("1.png", png),
        ("1.json", b'{"text": ["a cat"], "split": "val"}'),
    ]
    long = [("é" * 90 + f"/{name}", content) for name, content in members]
    return tar(members), tar(long, tarfile.PAX_FORMAT), tar(long, tarfile.GNU_FORMAT), tar([*members, ("2.cls", b"3")])


@cache
def tables(kind: str) -> Sequence[bytes]:
    """Parquet or Arrow files of four pictures: plain and in a struct, compressed or not."""
    import pyarrow as pa

    content = [pictures()[0], pictures()[3], None, pictures()[9]]
    struct_of = [None if each is None else {"bytes": each, "path": f"{n}.jpg"} for n, each in enumerate(content)]
    columns = {"text": ["a dog", "a cat", "", "é"], "split": ["train", "val", None, "test"]}
    plain = pa.table({"image": pa.array(content, pa.binary()), **columns})
    nested = pa.table({"image": struct_of, "caption": [["a", "b"], [], None, ["c"]]})
    return tuple(WRITERS[kind](table, compression) for table in (plain, nested) for compression in COMPRESSIONS[kind])


def _parquet(table: object, compression: str | None) -> bytes:
    import pyarrow.parquet

    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file, compression=compression or "none", row_group_size=3)
    return file.getvalue()


def _arrow(table: object, compression: str | None) -> bytes:
    import pyarrow as pa

    file = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression if compression in ("zstd", None) else None)
    new = pa.ipc.new_file if compression == "file" else pa.ipc.new_stream
    with new(file, table.schema, options=options) as writer:
        writer.write_table(table)
    return file.getvalue()


WRITERS = {"parquet": _parquet, "arrow": _arrow}
COMPRESSIONS = {"parquet": (None, "snappy", "zstd"), "arrow": (None, "file", "zstd")}
