"""Files WeChat keeps for three days: what platforms and users sent, and reviewers' screenshots."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from sandbox.wire.jpeg import mosaic
from sandbox.world.surroundings import Surroundings

LIFE = 3 * 86_400  # seconds
KEPT = 1_000


@dataclass(frozen=True)
class Media:
    """A file of one account."""

    kind: str
    content: bytes
    appid: str
    dies_at: float


class MediaStore:
    """The files by their media_id. Its world's lock guards it."""

    def __init__(self, world: Surroundings) -> None:
        self.world = world
        self.files: OrderedDict[str, Media] = OrderedDict()

    def keep(self, appid: str, kind: str, content: bytes) -> str:
        """The media_id of a new file."""
        media_id = f"{self.world.random.getrandbits(256):064x}"
        self.files[media_id] = Media(kind, content, appid, self.world.clock() + LIFE)
        if len(self.files) > KEPT:
            self.files.popitem(last=False)
        return media_id

    def keep_picture(self, appid: str, tiles: int) -> str:
        """The media_id of a picture of chance, so many tiles wide and high."""
        random = self.world.random
        shades = [[random.randrange(256) for _ in range(tiles)] for _ in range(tiles)]
        return self.keep(appid, "image/jpeg", mosaic(shades))

    def find(self, appid: str, media_id: Any) -> Media | None:
        """The file, while WeChat keeps it, for the account it belongs to."""
        media = self.files.get(media_id) if isinstance(media_id, str) else None
        if media is None or media.appid != appid or self.world.clock() >= media.dies_at:
            return None
        return media
