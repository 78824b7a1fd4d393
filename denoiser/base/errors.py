"""The error of all programs of the project that the user can fix."""


class InputError(Exception):
    """An error that the user can fix. Its message names the error, its place and the remedy."""
