"""Dispatches each request to its route or mount, and answers it."""
