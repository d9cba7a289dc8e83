"""Why an act is not done, whatever it is about. It knows the sentence for a person."""

from django.utils.functional import Promise


class CannotAct(Exception):
    """We do not ask WeChat: our own rows say no. The text tells a person why and what to do."""

    code = "conflict"
    text: str | Promise = ""

    def __init__(self, text: str | Promise = "") -> None:
        super().__init__(str(text or self.text))
