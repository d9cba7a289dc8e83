"""
Forwarding: whoever has asked for a message or an event is told of it, at least once.

A delivery is a row, written in the push's own transaction, or in that which takes an event out of
its outbox (planning). Threads take the due ones (leasing), post them (posting) and write down what
came of it (outcomes), so many at once for each target as it allows (delivering), and for each user
or account only the oldest: their order is kept. A target that is slow or down holds up nobody but
itself (circuit_breaker); one that answers is asked while WeChat waits (answering).
"""
