"""Lines of a form that are kept as they are shown."""

from typing import Any

from django import forms


class ShownRowForm(forms.ModelForm[Any]):
    """A new line counts though nobody changed it: what it shows is what it says."""

    def has_changed(self) -> bool:
        return self.instance.pk is None or super().has_changed()
