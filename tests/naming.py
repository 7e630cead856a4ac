"""How a case of a parametrized test is called."""

import re

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def shown(value: object) -> str:
    """The value as it is shown, without its address: the same in every process that collects the tests."""
    return _ADDRESS.sub("", repr(value))
