"""The error that a user can fix."""


class UserError(ValueError):
    """Names the key or file, its value and the fix; the command line shows it without a traceback."""
