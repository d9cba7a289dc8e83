"""The one error of these tools."""


class Failure(Exception):
    """Its text is a sentence for the person at the terminal; no traceback is shown."""


class NoAnswer(Failure):
    """Nothing came back, or too late: no answer at all, rather than a wrong one."""
