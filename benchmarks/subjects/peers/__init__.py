"""Applications of other frameworks, which only the environment of `nox -s bench` has installed."""
