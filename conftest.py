"""
What pytest reads before all else of ours. Django's settings go by the servers that the plugin
starts for this run, and what tests/conftest.py imports goes by Django's settings.
"""

pytest_plugins = ["tests.servers"]
