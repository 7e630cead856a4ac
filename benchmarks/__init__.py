"""jero beside its peers and beside the ceiling, a hand-written ASGI application: `python -m benchmarks w1`."""
