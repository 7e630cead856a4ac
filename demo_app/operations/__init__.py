"""The demo's endpoints, a file for each feature."""
