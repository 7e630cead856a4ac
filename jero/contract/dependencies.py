"""Dependencies: factories of context managers that are open for the length of a request, or of its stream.

A factory is read once, when it is included. What each operation needs is resolved when everything is included: a table
says in which order its dependencies are opened, and which of them is given to which parameter.
"""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from jero.annotations import class_of, name_of, parameter_text, unwrapped, wiring_error
from jero.contract.factories import entered_type, is_async_generator, parameter_hints, required
from jero.contract.inputs import BODIES, NAMES, Input, check_scope, has_body, read_input
from jero.contract.unbound import Place, instead_of
from jero.errors import WiringError
from jero.json_types import check_pydantic
from jero.routing import PathTemplate

_INCLUDE: Final = "_include_dependency"


class Key(Struct, frozen=True):
    """Names a dependency: by its type, and by the text in `Annotated` if there are two of one type."""

    type: Any
    label: str | None = None

    @property
    def text(self) -> str:
        """Returns the annotation that a user writes for it."""
        return name_of(self.type) if self.label is None else f'Annotated[{name_of(self.type)}, "{self.label}"]'


class Need(Struct, frozen=True):
    """A parameter that a dependency fills. `text`: the parameter as it is written."""

    name: str
    key: Key
    text: str


class Dependency(Struct, frozen=True):
    """A factory, read at startup: what of the request it takes, and which other dependencies it needs."""

    key: Key
    factory: Callable[..., Any]
    inputs: tuple[Input, ...] = ()
    needs: tuple[Need, ...] = ()


class Opening(Struct, frozen=True):
    """A dependency in the order of opening. `values`: its parameters, with the places of those that fill them."""

    dependency: Dependency
    values: tuple[tuple[str, int], ...]


class Openings(Struct, frozen=True):
    """The dependencies of one operation in the order of opening. `values`: for the parameters of its handler."""

    order: tuple[Opening, ...] = ()
    values: tuple[tuple[str, int], ...] = ()


_OF_FACTORIES: Final = Place()
_NO_OVERRIDES: Final[Mapping[Key, Dependency]] = MappingProxyType({})


def read_key(annotation: Any) -> Key:
    """Returns what a parameter with that annotation is filled by."""
    labels = (
        [label for label in annotation.__metadata__ if isinstance(label, str)]
        if typing.get_origin(annotation) is typing.Annotated
        else []
    )
    return Key(unwrapped(annotation), labels[0] if labels else None)


def read_needs(handler: Callable[..., Any], hints: Mapping[str, Any]) -> tuple[Need, ...]:
    """Returns the parameters of the handler that dependencies fill: those without a reserved name."""
    parameters = inspect.signature(handler).parameters.items()
    return tuple(
        Need(name, read_key(hints[name]), _text(name, hints[name])) for name, _ in parameters if name not in NAMES
    )


def read_dependency(factory: Any, as_: Any, where: str) -> Dependency:
    """Reads a factory. `as_` is the type that parameters ask for, or `None` for what the factory's annotation says.

    Raises `WiringError` if the factory makes no async context manager, or if a parameter cannot be bound.
    """
    if not callable(factory):
        name = getattr(factory, "__name__", None)  # of the function that has made a generator or a coroutine
        made = type(factory).__name__ if name is None else f"{name}(...), which a call has made"
        instead = "the factory, and not what it has made" if name is None else f"{name}, without parentheses"
        raise wiring_error(where, f"got {made}", f"Give {instead}")
    name = getattr(factory, "__qualname__", None) or repr(factory)
    place = f"{where}, {name}"
    entered = entered_type(factory, place, is_needed=as_ is None)
    key = read_key(entered if as_ is None else as_)
    if as_ is not None:
        _check_as(key, entered, place)
    inputs, needs = _read_parameters(factory, place)
    wrap: Any = asynccontextmanager if is_async_generator(factory) else None
    return Dependency(key, factory if wrap is None else wrap(factory), inputs, needs)


def read_override(wanted: Any, replacement: Any) -> Dependency:
    """Reads what replaces a dependency in a test: a factory, or the value itself. Raises as `read_dependency` does."""
    if isinstance(replacement, type) and not hasattr(replacement, "__aenter__"):
        found = f"{replacement.__name__} is a class, and not an async context manager"
        raise wiring_error("override", found, f"Give an instance, {replacement.__name__}(...), or a factory")
    if isinstance(replacement, partial | type) or inspect.isroutine(replacement):
        return read_dependency(replacement, wanted, "override")
    return Dependency(read_key(wanted), partial(nullcontext, replacement))


def _check_as(key: Key, entered: Any, where: str) -> None:
    kind, wanted = class_of(unwrapped(entered)), class_of(key.type)
    if not isinstance(kind, type) or not isinstance(wanted, type):
        return
    try:
        fits = issubclass(kind, wanted) or issubclass(wanted, kind)
    except TypeError:  # a protocol that cannot be checked
        return
    if not fits:
        found = f"as_={name_of(key.type)}, but the factory makes {name_of(entered)}"
        raise wiring_error(where, found, "Name a class or a protocol that it is of")


def _read_parameters(factory: Any, where: str) -> tuple[tuple[Input, ...], tuple[Need, ...]]:
    """Returns the parameters of a factory that must be filled. Those with a default are left alone."""
    hints = parameter_hints(factory, where)
    inputs: list[Input] = []
    needs: list[Need] = []
    for name, parameter in required(factory).items():
        if name in BODIES:
            found = f"a dependency does not read the body, but it takes {name!r}"
            raise wiring_error(where, found, f"Take {name} in the handler")
        if parameter.kind is parameter.POSITIONAL_ONLY or name not in hints:
            found = f"jero cannot bind the parameter {parameter_text(parameter)!r}"
            instead = "Give it an annotation and a name that can be a keyword, or a default"
            raise wiring_error(where, found, instead)
        if name in NAMES:
            inputs.append(read_input(name, hints, where))
        else:
            needs.append(Need(name, read_key(hints[name]), _text(name, hints[name])))
    return tuple(inputs), tuple(needs)


class Dependencies:
    """The dependencies that an application includes. `overrides`: those that replace them, by their keys."""

    def __init__(self, overrides: Mapping[Key, Dependency] = _NO_OVERRIDES) -> None:
        self._included: dict[Key, Dependency] = {}
        self._overrides = overrides

    def add(self, factory: Any, as_: Any) -> None:
        """Includes a factory. Raises `WiringError` if it cannot be one, or if another one is of the same type."""
        dependency = read_dependency(factory, as_, _INCLUDE)
        if dependency.key in self._included:
            raise wiring_error(
                _INCLUDE,
                f"{dependency.key.text} has a factory already",
                f'Tell the two apart: as_=Annotated[{name_of(dependency.key.type)}, "..."]',
            )
        self._included[dependency.key] = dependency

    def check(self) -> None:
        """Raises `WiringError` if a dependency needs itself or what is not included, or if an override has no use."""
        for key in self._overrides:
            if _match(key, self._included) is None:
                raise wiring_error("override", f"no dependency {key.text} is included", self._instead(key))
        for dependency in self._included.values():
            self._arrange(dependency.needs, _place(dependency), [], (dependency.key,), _OF_FACTORIES)

    def resolve(self, needs: Sequence[Need], template: PathTemplate, user_type: Any, where: str) -> Openings:
        """Returns the dependencies of an operation, each of them once, in the order of opening.

        `template` and `user_type` are the operation's. Raises `WiringError` if a parameter has a type that is not
        included, or if a dependency takes what the operation does not have.
        """
        order: list[Dependency] = []
        self._arrange(needs, where, order, (), Place(template.slots, user_type, has_body(where)))
        for dependency in order:
            check_scope(dependency.inputs, template, user_type, f"{where}, dependency {dependency.key.text}")
        openings = (Opening(dependency, self._places(dependency.needs, order)) for dependency in order)
        return Openings(tuple(openings), self._places(needs, order))

    def _arrange(
        self, needs: Sequence[Need], where: str, order: list[Dependency], within: tuple[Key, ...], place: Place
    ) -> None:
        """Adds the dependencies that fill the parameters to `order`, each after those that it needs itself.

        `within`: the dependencies that need these parameters. `place`: what such parameters may take of a request.
        """
        for need in needs:
            found = self._find(need.key)
            if found is None:
                raise self._unbound(need, where, place)
            if found.key in within:
                circle = ", which needs ".join(key.text for key in (*within[within.index(found.key) :], found.key))
                raise wiring_error(_INCLUDE, f"{circle}, is a circle", "Take one of them out of the other's parameters")
            if found not in order:
                self._arrange(found.needs, _place(found), order, (*within, found.key), _OF_FACTORIES)
                order.append(found)

    def _places(self, needs: Sequence[Need], order: Sequence[Dependency]) -> tuple[tuple[str, int], ...]:
        keys = [dependency.key for dependency in order]
        found = ((need.name, self._find(need.key)) for need in needs)
        return tuple((name, keys.index(dependency.key)) for name, dependency in found if dependency is not None)

    def _find(self, wanted: Key) -> Dependency | None:
        """Returns the dependency of the type. Type arguments that one side leaves out make no difference."""
        found = _match(wanted, self._included)
        return found and (_match(found.key, self._overrides) or found)

    def _unbound(self, need: Need, where: str, place: Place) -> WiringError:
        """Returns the error of a parameter that is neither of the request nor a dependency."""
        found = f"jero cannot bind the parameter {need.text!r}, because it binds arguments by fixed names"
        if need.key.label is None and not self._near(need.key):
            check_pydantic(need.key.type, f"{where}, parameter {need.name!r}")
            meant = instead_of(need.name, need.key.type, place)
            if meant is not None:
                return wiring_error(where, found, meant)
        return wiring_error(where, f"{found}, and no included dependency has that type", self._instead(need.key))

    def _instead(self, wanted: Key) -> str:
        near = self._near(wanted)
        if near:
            return f"Write {' or '.join(near)}"
        return f"Include a factory of {wanted.text} in _wire: self.{_INCLUDE}(factory)"

    def _near(self, wanted: Key) -> list[str]:
        return [key.text for key in self._included if class_of(key.type) == class_of(wanted.type)]


def _match(wanted: Key, dependencies: Mapping[Key, Dependency]) -> Dependency | None:
    alike = (
        dependency
        for key, dependency in dependencies.items()
        if key.label == wanted.label and class_of(key.type) == class_of(wanted.type)
        if not typing.get_args(key.type) or not typing.get_args(wanted.type)
    )
    return dependencies.get(wanted) or next(alike, None)


def _text(name: str, annotation: Any) -> str:
    return f"{name}: {name_of(annotation)}"


def _place(dependency: Dependency) -> str:
    return f"{_INCLUDE}, {dependency.key.text}"
