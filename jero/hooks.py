"""Checks the class of an application when it is made: that jero can call its hooks, and that none is misspelt."""

import inspect
from types import FunctionType, NoneType
from typing import Final

from msgspec.json import Encoder

from jero.annotations import wiring_error
from jero.names import call_fault, check_self, is_one_edit_away, is_surely_sync, nearest, own_functions, own_values
from jero.policy import StreamPolicy

OPTIONS: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "stream_policy": ((StreamPolicy,), "Write stream_policy=StreamPolicy(...)"),
    "encoder": ((Encoder, NoneType), "Write encoder=msgspec.json.Encoder(...)"),
    "validate_items": ((bool,), "Write True or False"),
}

_HOOK_ARGUMENTS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "_on_stream_start": (("start",), "self, start: StreamStart"),
    "_on_stream_end": (("outcome",), "self, outcome: StreamOutcome"),
}


def check_hooks(owner: type, base: type) -> None:
    """Raises `WiringError` for a method that seems to be a hook, but is not called, or cannot be called as one.

    `owner`: a class that was just made. `base`: the class of all applications.
    """
    hooks = [name for name in vars(base) if name == "_wire" or name.startswith("_on_")]
    for name, function in own_functions(owner):
        where = f"{owner.__name__}.{name}"
        if name in hooks:
            _check_hook(name, function, where)
        elif name == "lifespan" or not hasattr(base, name):
            meant = nearest(name, hooks)
            if _replaces_lifespan(name, function):
                instead = "Open resources in _wire, with await self._aenter(...)"
                raise wiring_error(where, f"a server does not call {name}", instead)
            if meant in hooks and getattr(owner, meant) is getattr(base, meant):
                raise wiring_error(where, f"jero does not call {name}", f"Write async def {meant}")
    for name, value in own_values(owner):
        if name in OPTIONS and isinstance(value, StreamPolicy | Encoder | bool | dict):
            instead = f"Write super().__init__({name}=...) in its __init__, or give it where the application is made"
            raise wiring_error(owner.__name__, f"{name} is not read from the class", instead)


def _replaces_lifespan(name: str, function: FunctionType) -> bool:
    """Returns whether the method is a lifespan of another framework, and not one that goes on with BaseApp's."""
    plain = name.strip("_").lower()
    if plain != "lifespan" and not is_one_edit_away(plain, "lifespan"):
        return False
    code = getattr(inspect.unwrap(function), "__code__", function.__code__)
    return "__class__" not in code.co_freevars and "lifespan" not in code.co_names  # super(), or BaseApp.lifespan


def _check_hook(name: str, function: FunctionType, where: str) -> None:
    """Raises `WiringError` if jero cannot call the method as it calls the hook of that name."""
    check_self(name, function, where)
    argument, written = _HOOK_ARGUMENTS.get(name, ((), "self"))
    if is_surely_sync(function):
        raise wiring_error(where, "it is not async def", f"Write async def {name}({written}) -> None")
    if call_fault(function, None, *argument) is not None:
        taken = "self alone" if not argument else f"self and the {argument[0]}"
        raise wiring_error(where, f"jero calls it with {taken}", f"Write async def {name}({written}) -> None")
