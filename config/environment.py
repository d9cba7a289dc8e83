"""
How settings are read: from the environment or `.env`; and each NAME from the file that NAME_FILE
names, as docker's and systemd's secrets are.
"""

from typing import Any
from urllib.parse import quote, urlsplit

import environ
from environ.fileaware_mapping import FileAwareMapping


class Files(FileAwareMapping):
    """The end of a file's only line is not part of the value."""

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(key).rstrip("\r\n")


class Environment(environ.FileAwareEnv):
    ENVIRON = Files()


def with_password(url: str, password: str) -> str:
    """URL with PASSWORD in it, unless it has one."""
    parts = urlsplit(url)
    if not url or not password or parts.password:
        return url
    user = quote(parts.username or "", safe="")
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}").geturl()
