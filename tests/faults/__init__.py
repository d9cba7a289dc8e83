"""
The fault drill: the platform's own processes, real servers behind proxies, and what befalls them.

`python -m tests.faults --help` says what can be run; `docs/faults.md` is what it found.
"""
