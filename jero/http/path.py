"""Path templates: `/movies/{movie_id}`, read once into segments."""

import re

from msgspec import Struct

_SLOT = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class PathTemplate(Struct, frozen=True):
    """A template as segments: a literal is a `str`, a slot is `None`; `slots` names the slots in order."""

    text: str
    segments: tuple[str | None, ...]
    slots: tuple[str, ...]

    def match(self, segments: list[str]) -> list[str] | None:
        """The slots' values where `segments`, as many as the template's, match; a slot takes any but an empty one."""
        values: list[str] = []
        for expected, found in zip(self.segments, segments, strict=True):
            if expected is None and found:
                values.append(found)
            elif expected != found:
                return None
        return values


def read_template(text: str) -> PathTemplate:
    """Reads a template. Raises `ValueError` with a whole sentence where it is none."""
    if not text.startswith("/"):
        raise ValueError(f"The path {text!r} does not begin with '/'.")
    segments: list[str | None] = []
    slots: list[str] = []
    for segment in split_path(text):
        slot = _SLOT.fullmatch(segment)
        if slot is None and ("{" in segment or "}" in segment):
            raise ValueError(f"The segment {segment!r} of the path {text!r} is neither a literal nor one {{slot}}.")
        if slot is None:
            segments.append(segment)
            continue
        segments.append(None)
        slots.append(slot[1])
    if len(set(slots)) < len(slots):
        raise ValueError(f"The path {text!r} names a slot twice.")
    return PathTemplate(text=text, segments=tuple(segments), slots=tuple(slots))


def split_path(path: str) -> list[str]:
    """The segments of a path; a trailing slash makes an empty last one, so it is never ignored."""
    return path[1:].split("/")
