"""A folder of captioned pictures: where things are in it, what is sound, and how it splits."""
