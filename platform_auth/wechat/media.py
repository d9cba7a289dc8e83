"""Temporary media (临时素材) of an authorizer: kept by WeChat for three days."""

from platform_auth.wechat.http import File, fetch_picture


def get_media(token: str, media_id: str) -> File:
    """media/get 获取临时素材, a picture such as a review's screenshot. 40007: there is none."""
    return fetch_picture("/cgi-bin/media/get", query={"media_id": media_id}, access_token=token)
