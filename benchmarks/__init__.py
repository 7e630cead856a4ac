"""Measures jero, its peers, and a ceiling, which is a hand-written ASGI application: `python -m benchmarks w1`."""
