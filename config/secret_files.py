"""Secrets in files, as docker and systemd hand them over: NAME is what the file NAME_FILE holds."""

from urllib.parse import quote, urlsplit

from environ.fileaware_mapping import FileAwareMapping


class SecretFiles(FileAwareMapping):
    """The environment; the end of a file's only line is not part of the value."""

    def __getitem__(self, key: str) -> str:
        return str(super().__getitem__(key)).rstrip("\r\n")


def with_password(url: str, password: str) -> str:
    """URL with PASSWORD in it, unless it has one, or is that of a file, which takes none."""
    parts = urlsplit(url)
    if not url or not password or parts.password or parts.scheme == "sqlite":
        return url
    user = quote(parts.username or "", safe="")
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}").geturl()
