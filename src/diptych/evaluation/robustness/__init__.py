"""The same examples once more, disturbed."""
