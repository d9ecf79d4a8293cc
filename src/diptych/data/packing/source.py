"""What can be packed: finite splits whose pictures are files, on disk or in shards."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from diptych.data.example import Examples
from diptych.data.membership import Identity
from diptych.data.module import DataModule


@runtime_checkable
class HasFiles(Examples, Protocol):
    """A finite split whose pictures are files; data of one's own may have it as well."""

    def facts_of(self, index: int) -> Mapping[str, Any]:
        """The picture's name under `names`, the size of its file in bytes under `sizes`."""
        ...

    def identity_of(self, index: int) -> Identity:
        """The digests of its name and of its file's bytes, without opening it where they are known."""
        ...

    def label_of(self, index: int) -> str | None:
        """Its class, one of the labels of the data, where it has one."""
        ...

    def content_of(self, index: int) -> bytes:
        """The bytes of its file."""
        ...


@runtime_checkable
class ReadsFolders(Protocol):
    """Data that read whatever lies in some folders."""

    def folders(self) -> Sequence[Path]:
        """These; nothing may be packed into them, or it would be read as data."""
        ...


def splits_with_files(data: DataModule) -> dict[str, HasFiles]:
    """The splits of opened data that have pictures; a ValueError says why they cannot be packed."""
    if data.captioned_share is not None:
        raise ValueError(
            f"data.captioned_share={data.captioned_share:g} says what training reads: pack all captions, and give it "
            "to `diptych train`"
        )
    splits = {}
    for name, examples in data.splits.items():
        if examples.size is None or not isinstance(examples, HasFiles):
            why = "is drawn without end" if examples.size is None else "has no files of pictures"
            raise ValueError(
                f"{data.spec.name}: its {name} split {why}; what can be packed are folders of pictures (data=folder, "
                "coco, imagefolder, …) and shards (data=webdataset, hf)"
            )
        if examples.size:
            splits[name] = examples
    return splits


def refuse_own_folders(data: object, out: Path) -> None:
    """Refuse a folder that lies where the data are: the next check would read what was packed as data."""
    for folder in data.folders() if isinstance(data, ReadsFolders) else ():
        if out.resolve().is_relative_to(folder.resolve()):
            raise ValueError(
                f"--out {out} lies in {folder}, which is read as data: name a folder outside of it, such as "
                f"{folder.resolve().parent / (folder.resolve().name + '_packed')}"
            )
