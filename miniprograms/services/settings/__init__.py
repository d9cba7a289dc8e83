"""Settings of record: what mini programs should have at WeChat, what they have, the way there."""
