"""A stand-in for WeChat's servers, for the quickstart, the tests and the benchmarks.

It is an independent oracle: standard library, cryptography and requests only, nothing of ours.
"""

from sandbox.world import WeChat

__all__ = ["WeChat"]
