"""Names the cases of parametrized tests."""

import re

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def shown(value: object) -> str:
    """Returns the value's repr without its address, so that every process collects the same names."""
    return _ADDRESS.sub("", repr(value))
