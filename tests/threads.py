"""Tells the threads of synchronous sources from those that other parts of a process start."""

import threading


def stream_threads() -> set[threading.Thread]:
    """Returns the threads that pull sources now."""
    return {thread for thread in threading.enumerate() if thread.name == "stream source"}
