"""The client of WeChat's servers: plain Python, no Django, nothing of ours above it."""
