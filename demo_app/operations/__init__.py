"""The demo's endpoints, a file a feature."""
