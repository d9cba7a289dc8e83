"""The console: everything that happens at WeChat by somebody's hand.

Each part of its page has a module.
"""

DO = "/sandbox/do/"  # where its buttons post to
ROWS = 100  # at most, of any table
