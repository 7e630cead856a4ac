"""Lists the subjects: the applications that are measured."""

from dataclasses import dataclass

CEILING = "ceiling"
JERO = "jero"
FLOOR = "floor"


@dataclass(frozen=True)
class Subject:
    """A subject. `module`: contains its application as `app`. `distributions`: packages whose versions are shown."""

    name: str
    module: str
    distributions: tuple[str, ...] = ()

    @property
    def channel_module(self) -> str:
        """Returns the module of its application with a channel. Not every subject has one."""
        return f"{self.module.removesuffix('app')}channel_app"

    @property
    def routes_module(self) -> str:
        """Returns the module that declares many endpoints. Not every subject has such a module."""
        return f"{self.module.removesuffix('app')}routes"


def _peer(name: str, *distributions: str) -> Subject:
    return Subject(name, f"benchmarks.subjects.peers.{name.replace('-', '_')}_app", distributions or (name,))


# In the order of their turns.
SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject(JERO, "benchmarks.subjects.jero_app", ("jero-asgi", "msgspec")),
        Subject(CEILING, "benchmarks.subjects.ceiling_app", ("msgspec",)),
        Subject(FLOOR, "benchmarks.subjects.jero_floor_app", ("jero-asgi", "msgspec")),
        _peer("starlette"),
        _peer("litestar"),
        _peer("blacksheep"),
        _peer("falcon"),
        _peer("fastapi", "fastapi", "pydantic"),
        _peer("sse-starlette"),
        _peer("django-modern-rest", "django-modern-rest", "django"),
    )
}
SSE_ALONE = ("sse-starlette",)
EVERYONE_WITH_SSE = tuple(name for name in SUBJECTS if name != FLOOR)
EVERYONE = tuple(name for name in EVERYONE_WITH_SSE if name not in SSE_ALONE)
EVERYONE_WITH_A_FLOOR = tuple(name for name in SUBJECTS if name not in SSE_ALONE)
NOT_PEERS = (JERO, CEILING, FLOOR)
EVERYONE_WITH_MANY_ROUTES = (JERO, CEILING, "starlette", "litestar", "blacksheep", "falcon", "fastapi")
EVERYONE_WITH_A_CHANNEL = (JERO, CEILING, "starlette", "litestar", "sse-starlette")
