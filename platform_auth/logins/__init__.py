"""
How people come in, by whichever door: the portal, the staff pages, a key to the API.

`backend` is the one policy: every attempt is counted (`attempts`) before its password is hashed
(`hashing`).
"""
