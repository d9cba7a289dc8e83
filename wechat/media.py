"""
Temporary media (临时素材) of an authorizer: kept by WeChat for three days.

Pages: developers.weixin.qq.com, "新增临时素材", "获取临时素材".
"""

from wechat.http import PICTURES, VOICES, File, call, fetch_file, take_text

IMAGE, VOICE, VIDEO, THUMB = "image", "voice", "video", "thumb"

_MEGABYTE = 1024 * 1024

# Of each kind: which files, and how many bytes. A voice message lasts up to 60 seconds. Of pictures
# the page says 2 MB and, further down, 10.
LIMITS: dict[str, tuple[tuple[str, ...], int]] = {
    IMAGE: (PICTURES, 2 * _MEGABYTE),
    VOICE: (VOICES, 2 * _MEGABYTE),
    VIDEO: (("video/mp4",), 10 * _MEGABYTE),
    THUMB: (("image/jpeg",), 64 * 1024),
}


def upload_media(token: str, kind: str, file: File) -> str:
    """
    media/upload 新增临时素材, as one of LIMITS: its media id, good for three days.

    40004 KIND is none, 40005 not such a file, 40006 and 40009 to 40012 too large, 41005 no file.
    """
    path = "/cgi-bin/media/upload"
    answer = call(path, query={"type": kind}, files={"media": file}, access_token=token)
    # A thumbnail's id has a name of its own in some answers.
    name = "thumb_media_id" if "thumb_media_id" in answer else "media_id"
    return take_text(path, answer, name)


def get_media(token: str, media_id: str) -> File:
    """media/get 获取临时素材, a picture such as a review's screenshot. 40007: there is none."""
    return fetch_file("/cgi-bin/media/get", query={"media_id": media_id}, access_token=token)


def get_voice(token: str, media_id: str) -> File:
    """media/get 获取临时素材, a voice message. 40007: there is none."""
    query = {"media_id": media_id}
    return fetch_file("/cgi-bin/media/get", query=query, access_token=token, kinds=VOICES)
