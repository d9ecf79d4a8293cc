"""Captioned pictures in shards: tar files (WebDataset), Parquet and Arrow files, each picture addressed by number."""
