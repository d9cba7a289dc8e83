"""What rows are sealed to that have no name of their own."""

import secrets


def new_reference() -> str:
    """What tells a row apart from all others."""
    return secrets.token_hex(16)
