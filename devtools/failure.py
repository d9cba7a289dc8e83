"""The one error of these tools."""


class Failure(Exception):
    """Its text is a sentence for the person at the terminal; no traceback is shown."""
