"""Tiny data sets in every layout in which the field keeps pictures with captions: `write_layout(folder, name)`.

Each has the same pictures, numbered from 0, with the same captions. Where a layout has splits of its own, the pictures
are in turn of train, train, val and test.
"""

import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

Captions = Sequence[Sequence[str]]
NUM_PICTURES = 16
CAPTIONS: Captions = [[f"picture number {i % 5}", f"a plain picture , {i} ."] for i in range(NUM_PICTURES)]
SPLITS = ("train", "train", "val", "test")


def write_layout(folder: Path, name: str, captions: Captions = CAPTIONS) -> None:
    """Write pictures of 8x8 pixels with these captions in one of the `LAYOUTS`."""
    LAYOUTS[name](folder, captions)


def split_of(number: int) -> str:
    return SPLITS[number % len(SPLITS)]


def _picture(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (number * 15 % 256, 90, 255 - number * 15 % 256)).save(path)


def _text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def _metadata(folder: Path, captions: Captions) -> None:
    for number in range(len(captions)):
        _picture(folder / f"{number}.png", number)
    rows = [
        {"file_name": f"{number}.png", "text": list(texts), "split": split_of(number)}
        for number, texts in enumerate(captions)
    ]
    _text(folder / "metadata.jsonl", *map(json.dumps, rows))


def _karpathy(
    folder: Path, captions: Captions, name: str, pictures: str, filepath: Sequence[str] | None = None
) -> None:
    images = []
    for number, texts in enumerate(captions):
        file = f"COCO_{filepath[number % 2]}_{number:012d}.jpg" if filepath else f"{number}.jpg"
        inside = {"filepath": filepath[number % 2], "cocoid": number} if filepath else {}
        _picture(folder / pictures / inside.get("filepath", "") / file, number)
        split = "restval" if number % len(SPLITS) == 1 else split_of(number)
        sentences = [{"raw": text, "tokens": text.split(), "imgid": number} for text in texts]
        images.append({"filename": file, "imgid": number, "split": split, "sentences": sentences, **inside})
    _json(folder / f"dataset_{name}.json", {"images": images, "dataset": name})


def _coco_2014(folder: Path, captions: Captions) -> None:
    _karpathy(folder, captions, "coco", ".", ("train2014", "val2014"))


def _coco_2017(folder: Path, captions: Captions) -> None:
    for split in ("train", "val"):
        numbers = [n for n in range(len(captions)) if (split_of(n) == "val") == (split == "val")]
        for number in numbers:
            _picture(folder / f"{split}2017" / f"{number:012d}.jpg", number)
        told = [(number, text) for number in numbers for text in captions[number]]
        _json(
            folder / "annotations" / f"captions_{split}2017.json",
            {
                "images": [{"id": n, "file_name": f"{n:012d}.jpg"} for n in numbers],
                "annotations": [{"id": i, "image_id": n, "caption": text} for i, (n, text) in enumerate(told)],
            },
        )
        _json(folder / "annotations" / f"instances_{split}2017.json", {"images": [], "annotations": []})


def _flickr8k(folder: Path, captions: Captions) -> None:
    lines, lemmas = [], []
    for number, texts in enumerate(captions):
        _picture(folder / "Flicker8k_Dataset" / f"{number}.jpg", number)
        lines += [f"{number}.jpg#{k}\t{text}" for k, text in enumerate(texts)]
        lemmas += [f"{number}.jpg#{k}\tlemma" for k in range(len(texts))]
    _text(folder / "Flickr8k.token.txt", *lines)
    _text(folder / "Flickr8k.lemma.token.txt", *lemmas)
    _text(folder / "readme.txt", "Flickr8k")
    for ours, theirs in {"train": "train", "val": "dev", "test": "test"}.items():
        names = [f"{number}.jpg" for number in range(len(captions)) if split_of(number) == ours]
        _text(folder / f"Flickr_8k.{theirs}Images.txt", *names)


def _flickr8k_kaggle(folder: Path, captions: Captions) -> None:
    lines = ["image,caption"]
    for number, texts in enumerate(captions):
        _picture(folder / "Images" / f"{number}.jpg", number)
        quoted = (text.replace('"', '""') for text in texts)
        lines += [f'{number}.jpg,"{text}"' for text in quoted]
    _text(folder / "captions.txt", *lines)


def _flickr30k_lines(folder: Path, captions: Captions, file: str, form: str, header: Sequence[str] = ()) -> None:
    lines = list(header)
    for number, texts in enumerate(captions):
        _picture(folder / "flickr30k-images" / f"{number}.jpg", number)
        lines += [form.format(number=number, k=k, text=text) for k, text in enumerate(texts)]
    _text(folder / file, *lines)


def _flickr30k_token(folder: Path, captions: Captions) -> None:
    _flickr30k_lines(folder, captions, "results_20130124.token", "{number}.jpg#{k}\t{text}")


def _flickr30k_results(folder: Path, captions: Captions) -> None:
    header = ("image_name| comment_number| comment",)
    _flickr30k_lines(folder, captions, "results.csv", "{number}.jpg| {k}| {text}", header)


def _flickr8k_cn(folder: Path, captions: Captions) -> None:
    _flickr30k_lines(folder, captions, "flickr8kzhc.caption.txt", "{number}#zhc#{k} {text}")


def _attngan(folder: Path, captions: Captions) -> None:
    names = [f"{number % 3:03d}.Bird/Bird_{number}" for number in range(len(captions))]
    for number, name in enumerate(names):
        _picture(folder / "CUB_200_2011" / "images" / f"{name}.jpg", number)
        _text(folder / "text" / f"{name}.txt", *captions[number])
    for split in ("train", "test"):
        chosen = [name for number, name in enumerate(names) if (split_of(number) == "test") == (split == "test")]
        (folder / split).mkdir(exist_ok=True)
        (folder / split / "filenames.pickle").write_bytes(pickle.dumps(chosen, 2))
        (folder / split / "class_info.pickle").write_bytes(pickle.dumps([1] * len(chosen), 2))
    (folder / "captions.pickle").write_bytes(pickle.dumps([[[1, 2]], {0: "<end>"}], 2))


def _reed(folder: Path, captions: Captions, class_name: str, picture: str, text: str) -> None:
    """Four classes: one for the test, and the others to train."""
    for number, texts in enumerate(captions):
        names = {"kind": class_name.format(number % len(SPLITS)), "number": number}
        _picture(folder / picture.format(**names), number)
        _text(folder / text.format(**names), *texts)
    lists = folder / Path(text).parts[0]
    classes = {split: [class_name.format(i) for i, its in enumerate(SPLITS) if its == split] for split in SPLITS}
    _text(lists / "trainvalclasses.txt", *classes["train"], *classes["val"])
    _text(lists / "allclasses.txt", *(name for names in classes.values() for name in names))
    for split, names in classes.items():
        _text(lists / f"{split}classes.txt", *names)


def _cub(folder: Path, captions: Captions) -> None:
    picture = "CUB_200_2011/images/{kind}/Bird_{number}.jpg"
    _reed(folder, captions, "{:03d}.Bird", picture, "cvpr2016_cub/text_c10/{kind}/Bird_{number}.txt")


def _flowers(folder: Path, captions: Captions) -> None:
    text = "cvpr2016_flowers/text_c10/{kind}/image_{number:05d}.txt"
    _reed(folder, captions, "class_{:05d}", "jpg/image_{number:05d}.jpg", text)


def _sidecars(folder: Path, captions: Captions) -> None:
    for number, texts in enumerate(captions):
        _picture(folder / f"{number}.png", number)
        _text(folder / f"{number}.txt", *texts)


def _img2dataset(folder: Path, captions: Captions) -> None:
    for number, texts in enumerate(captions):
        _picture(folder / "00000" / f"{number:09d}.jpg", number)
        _text(folder / "00000" / f"{number:09d}.txt", *texts)
        _json(folder / "00000" / f"{number:09d}.json", {"url": "http://x", "key": f"{number:09d}"})
    _json(folder / "00000_stats.json", {"count": len(captions)})


def _ai_challenger(folder: Path, captions: Captions) -> None:
    for number in range(len(captions)):
        _picture(folder / "caption_train_images" / f"{number}.jpg", number)
    rows = [{"image_id": f"{n}.jpg", "url": "http://x/y", "caption": list(c)} for n, c in enumerate(captions)]
    _json(folder / "caption_train_annotations.json", rows)


def _textcaps(folder: Path, captions: Captions) -> None:
    rows = []
    for number, texts in enumerate(captions):
        _picture(folder / "train_images" / f"{number}.jpg", number)
        its = {"image_id": str(number), "set_name": split_of(number), "reference_strs": list(texts)}
        rows += [{**its, "caption_str": text} for text in texts]
    _json(folder / "TextCaps.json", {"dataset_name": "textcaps", "data": rows})


def _narratives(folder: Path, captions: Captions) -> None:
    rows = []
    for number, texts in enumerate(captions):
        _picture(folder / "train2017" / f"{number:012d}.jpg", number)
        its = {"dataset_id": "mscoco_train2017", "image_id": str(number), "annotator_id": 1, "traces": [[]]}
        rows += [{**its, "caption": text} for text in texts]
    _text(folder / "coco_train_captions.jsonl", *map(json.dumps, rows))


def _conversations(folder: Path, captions: Captions) -> None:
    rows = []
    for number, texts in enumerate(captions):
        _picture(folder / "images" / f"{number}.jpg", number)
        asked = {"from": "human", "value": "<image>\nDescribe it."}
        its = {"id": str(number), "image": f"images/{number}.jpg"}
        rows += [{**its, "conversations": [asked, {"from": "gpt", "value": text}]} for text in texts]
    _json(folder / "blip_laion_cc_sbu_558k.json", rows)


LAYOUTS: dict[str, Callable[[Path, Captions], None]] = {
    "metadata": _metadata,
    "coco": _coco_2014,
    "coco_2017": _coco_2017,
    "flickr8k": _flickr8k,
    "flickr8k_karpathy": lambda folder, captions: _karpathy(folder, captions, "flickr8k", "Flicker8k_Dataset"),
    "flickr8k_kaggle": _flickr8k_kaggle,
    "flickr30k": lambda folder, captions: _karpathy(folder, captions, "flickr30k", "flickr30k-images"),
    "flickr30k_token": _flickr30k_token,
    "flickr30k_results": _flickr30k_results,
    "flickr8k_cn": _flickr8k_cn,
    "cub": _cub,
    "cub_attngan": _attngan,
    "flowers": _flowers,
    "sidecars": _sidecars,
    "img2dataset": _img2dataset,
    "ai_challenger": _ai_challenger,
    "textcaps": _textcaps,
    "localized_narratives": _narratives,
    "llava": _conversations,
}
