"""Which user an authenticator returns: its annotation, with the type arguments of generic bases filled in."""

import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from jero.auth.expiring import Expiring


def declared_kind(authenticator: object) -> Any:
    """Its class, or where it was made of one with type arguments, `JWTAuth[Claims](...)`, the class with them."""
    return getattr(authenticator, "__orig_class__", type(authenticator))


def user_type(authenticate: Callable[..., Any], kind: Any) -> Any:
    """The type of the users that the method `authenticate` of the class `kind` returns, without its `Expiring`.

    Raises `TypeError` where a type argument is missing, `KeyError` where there is no annotation, `NameError` and
    `AttributeError` where it cannot be read.
    """
    returned = typing.get_type_hints(authenticate)["return"]
    owner = next((one for one in _class_of(kind).__mro__ if "authenticate" in vars(one)), None)
    if owner is not None:
        returned = _filled(returned, _type_arguments(kind, owner) or {})
    user = _without_expiring(returned)
    if isinstance(user, str | TypeVar | typing.ForwardRef) or (_parameters(user) and not isinstance(user, type)):
        raise TypeError("a type argument is missing")
    return user


@functools.cache
def admits_anonymous(kind: Any) -> bool:
    """Whether `None` is among the users that authenticators of that class return."""
    return type(None) in _members(user_type(_class_of(kind).authenticate, kind))


def type_argument(annotation: Any, owner: type) -> Any:
    """What the only type variable of the class `owner` stands for in a subclass; itself, where that leaves it open."""
    [parameter] = _parameters(owner)
    return (_type_arguments(annotation, owner) or {}).get(parameter, parameter)


def _type_arguments(annotation: Any, owner: type) -> dict[Any, Any] | None:
    """What the type variables of the class `owner` stand for in a subclass, or in a class with type arguments.

    `None` where `owner` is no base of it.
    """
    origin = _class_of(annotation)
    known = dict(zip(_parameters(origin), typing.get_args(annotation), strict=False))
    if origin is owner:
        return known
    for base in _bases(origin):
        if issubclass(_class_of(base), owner):
            return _type_arguments(_filled(base, known), owner)
    return None


def _bases(class_: Any) -> tuple[Any, ...]:
    """The bases with their type arguments."""
    bases: tuple[Any, ...] = class_.__dict__.get("__orig_bases__", class_.__bases__)
    return bases


def _class_of(annotation: Any) -> Any:
    return typing.get_origin(annotation) or annotation


def _parameters(annotation: Any) -> tuple[Any, ...]:
    parameters: tuple[Any, ...] = getattr(annotation, "__parameters__", ())
    return parameters


def _filled(annotation: Any, known: Mapping[Any, Any]) -> Any:
    if isinstance(annotation, TypeVar):
        return known.get(annotation, annotation)
    parameters = _parameters(annotation)
    if not parameters or isinstance(annotation, type):
        return annotation
    return annotation[tuple(known.get(one, one) for one in parameters)]


def _without_expiring(annotation: Any) -> Any:
    users: list[Any] = [_expiring_user(member) for member in _members(annotation)]
    union = users[0]
    for user in users[1:]:
        union = union | user
    return union


def _expiring_user(annotation: Any) -> Any:
    if annotation is Expiring:
        raise TypeError("a type argument is missing")
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is Expiring else annotation


def _members(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)
