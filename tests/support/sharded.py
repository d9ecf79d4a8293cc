"""What tests of data in shards set."""

SETTINGS = {
    "val_share": 0.2,
    "test_share": 0.2,
    "on_error": "raise",
    "image_size": 16,
    "random_crop": True,
    "captions_per_image": 1,
    "min_count": 1,
    "max_length": 20,
    "tokenizer": "word",
    "batch_size": 4,
}
