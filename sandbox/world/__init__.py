"""The state of WeChat's side: who there is, what was granted, said and reviewed, and the rules."""

from sandbox.world.wechat import WeChat

__all__ = ["WeChat"]
