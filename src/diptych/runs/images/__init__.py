"""Image files of a run: how pictures are read, and how generated ones are named, written and recorded."""
