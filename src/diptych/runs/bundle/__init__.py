"""Exports of a run: a folder that generates or captions by itself, without what trained it."""
