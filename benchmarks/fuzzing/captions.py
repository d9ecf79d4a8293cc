"""Valid caption files, lists and names of classes, as texts: what damage is done to."""

import json

PICTURE = {"file_name": "0.jpg", "text": "a dog"}
COCO = {
    "images": [{"id": 1, "file_name": "0.jpg"}, {"id": "2", "file_name": "b/1.jpg"}],
    "annotations": [{"id": 7, "image_id": 1, "caption": "a dog"}, {"image_id": 2.0, "caption": "the cat"}],
}
KARPATHY = {
    "images": [
        {
            "filename": "0.jpg",
            "filepath": "b",
            "split": "restval",
            "cocoid": 3,
            "sentences": [{"raw": "a dog"}, {"tokens": ["a", "cat"]}],
        },
        {"filename": "1.jpg", "split": "test", "imgid": 4, "sentences": [{"raw": "the dog"}]},
    ]
}
NARRATIVE = {"dataset_id": "mscoco_val", "image_id": "42", "annotator_id": 1, "caption": "a dog"}
TURNS = [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "a dog"}]
DOCUMENTS = (
    {"0.jpg": ["a dog", "the dog"], "1.jpg": {"caption": "a cat"}, "2.jpg": "a cow"},
    [{"image_id": 42, "caption": "a dog"}, {"image": "0.jpg", "caption": ["a", "b"]}],
    {"data": [{"image_id": "0", "caption_str": "a dog", "set_name": "train"}]},
    {"annotations": [{"image_id": "a", "subreddit": "cats", "caption": "a cat"}]},
    [{"image": "0.jpg", "conversations": TURNS}],
    [{"file_path": "0.jpg", "captions": ["a man"], "split": "train", "id": 1}],
    {"park": [{"filename": "0.jpg", "split": "train", "raw": "a park", "raw_1": "the park"}]},
)
ROWS = (
    PICTURE,
    {"image": "b/1.jpg", "captions": ["a cat", "the cat"], "split": "val"},
    NARRATIVE,
    {"image_id": 7, "caption": "a"},
)

TEXTS = {
    "json": tuple(map(json.dumps, DOCUMENTS)),
    "json lines": ("\n".join(map(json.dumps, ROWS)), json.dumps(PICTURE) + "\n" + json.dumps(PICTURE) + "\n"),
    "csv": (
        'file_name,text\n0.jpg,a dog\n1.jpg,"a cat, the ""cat"""\n',
        "sep=;\nimage;caption;split\n0.jpg;a dog;train\n",
        "filepath\ttitle\n0.jpg\ta dog\n",
        "image|caption\n0.jpg|a dog\n",
    ),
    "flickr lines": (
        "0.jpg#0\ta dog\n0.jpg#1\tthe dog\n1.jpg#0\ta cat\n",
        "0#zhc#0 一只狗\n0#zhc#1 狗\n",
        "image_name| comment_number| comment\n0.jpg| 0| a dog\n0.jpg| 4   A dog runs\n",
        "0.jpg\ta dog\n1.jpg\ta cat\n",
    ),
    "coco": (json.dumps(COCO), json.dumps({"images": [], **COCO})),
    "karpathy": (json.dumps(KARPATHY),),
    "texts": ("a dog\nthe dog\n", "[/EN#1/people A man] runs\n", "0 0.5 0.5 0.25 0.25\n"),
    "lists": ("0.jpg\nb/1.jpg\n", "0\n1\n"),
    "classes": (
        "n01 tench, Tinca tinca\nn02 crane\n",
        "n01,tench\nn02,crane\n",
        "n01\ttench\n",
        json.dumps({"n01": ["tench", "fish"], "n02": "crane"}),
    ),
}
