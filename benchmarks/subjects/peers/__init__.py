"""The peers: other frameworks, which only the environment of the benchmarks holds."""
