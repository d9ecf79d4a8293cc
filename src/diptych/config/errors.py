"""The one kind of error that is a user's to mend."""


class UserError(ValueError):
    """Names the key or file, its value and the fix; shown as a message without a traceback."""
