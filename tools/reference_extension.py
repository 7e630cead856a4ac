"""Prepares what griffe has read of jero for the reference pages: Markdown in docstrings, and signatures of Structs."""

from typing import Any

from griffe import (
    Attribute,
    Class,
    Extension,
    Function,
    GriffeLoader,
    Module,
    Object,
    Parameter,
    ParameterKind,
    Parameters,
)

from tools.reference import as_markdown, paths_by_name
from tools.update_pages import ROOT


class ReferenceExtension(Extension):
    """Runs when griffe has loaded the package."""

    def on_package(self, *, pkg: Module, loader: GriffeLoader, **_kwargs: Any) -> None:
        """Prepares each object of the package."""
        paths = paths_by_name(ROOT)
        for member in own_members(pkg):
            if isinstance(member, Class) and is_struct(member):
                member.set_member("__init__", constructor(member))
            if member.docstring is not None:
                others = {name: path for name, path in paths.items() if name != member.name}
                member.docstring.value = as_markdown(member.docstring.value, others)


def own_members(parent: Object) -> list[Object]:
    """Returns what is defined in an object, at any depth."""
    found = [member for member in parent.members.values() if isinstance(member, Object)]
    return found + [inner for member in found for inner in own_members(member)]


def is_struct(cls: Class) -> bool:
    """Returns whether a class is a Struct of msgspec, whose `__init__` is made at run time."""
    return "__init__" not in cls.members and any(
        str(base).partition("[")[0] == "Struct" for parent in [cls, *cls.mro()] for base in parent.bases
    )


def constructor(struct: Class) -> Function:
    """Returns the `__init__` that msgspec makes of the fields of a Struct and of its bases."""
    fields: dict[str, Parameter] = {}
    for cls in [*reversed(struct.mro()), struct]:
        is_by_name_alone = str(cls.keywords.get("kw_only")) == "True"
        kind = ParameterKind.keyword_only if is_by_name_alone else ParameterKind.positional_or_keyword
        for name, field in cls.members.items():
            if isinstance(field, Attribute) and field.annotation is not None and "instance-attribute" in field.labels:
                fields[name] = Parameter(name, annotation=field.annotation, kind=kind, default=field.value)
    of_self = Parameter("self", kind=ParameterKind.positional_or_keyword)
    in_order = sorted(fields.values(), key=lambda field: field.kind is ParameterKind.keyword_only)
    return Function("__init__", parameters=Parameters(of_self, *in_order), parent=struct)
