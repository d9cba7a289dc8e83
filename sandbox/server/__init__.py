"""The sandbox as something to talk to: by sockets, in a test's own process, by a script."""

from sandbox.server.http import SandboxServer, start

__all__ = ["SandboxServer", "start"]
