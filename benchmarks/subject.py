"""Lists the subjects: the applications that are measured."""

import os
import sys
from dataclasses import dataclass

CEILING = "ceiling"
JERO = "jero"
FLOOR = "floor"


@dataclass(frozen=True)
class Subject:
    """A subject. `module`: contains its application as `app`. `distributions`: packages whose versions are shown.

    `own_environment`: names an environment variable with the path of the Python that has the subject's packages, if
    they do not live beside those of the others.
    """

    name: str
    module: str
    distributions: tuple[str, ...] = ()
    own_environment: str | None = None

    @property
    def interpreter(self) -> str:
        """Returns the path of the Python that has the subject's packages; an empty text if no path is set."""
        return sys.executable if self.own_environment is None else os.environ.get(self.own_environment, "")

    @property
    def channel_module(self) -> str:
        """Returns the module of its application with a channel. Not every subject has one."""
        return f"{self.module.removesuffix('app')}channel_app"

    @property
    def gateway_module(self) -> str:
        """Returns the module of its gateway to a chat service. Not every subject has one."""
        return f"{self.module.removesuffix('app')}gateway_app"

    @property
    def routes_module(self) -> str:
        """Returns the module that declares many endpoints. Not every subject has such a module."""
        return f"{self.module.removesuffix('app')}routes"


def _peer(name: str, *distributions: str, own_environment: str | None = None) -> Subject:
    module = f"benchmarks.subjects.peers.{name.replace('-', '_')}_app"
    return Subject(name, module, distributions or (name,), own_environment)


# In the order of their turns.
SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject(JERO, "benchmarks.subjects.jero_app", ("jero-asgi", "msgspec")),
        Subject(CEILING, "benchmarks.subjects.ceiling_app", ("msgspec",)),
        Subject(FLOOR, "benchmarks.subjects.jero_floor_app", ("jero-asgi", "msgspec")),
        _peer("starlette", "starlette", "httpx"),
        _peer("litestar"),
        _peer("blacksheep"),
        _peer("falcon"),
        _peer("fastapi", "fastapi", "pydantic", "openai"),
        _peer("sse-starlette"),
        _peer("django-modern-rest", "django-modern-rest", "django"),
        _peer("litellm", own_environment="BENCHMARKS_LITELLM_PYTHON"),
    )
}
SSE_ALONE = ("sse-starlette",)
GATEWAY_ALONE = ("litellm",)
EVERYONE_WITH_SSE = tuple(name for name in SUBJECTS if name not in (FLOOR, *GATEWAY_ALONE))
EVERYONE = tuple(name for name in EVERYONE_WITH_SSE if name not in SSE_ALONE)
EVERYONE_WITH_A_FLOOR = tuple(name for name in SUBJECTS if name not in (*SSE_ALONE, *GATEWAY_ALONE))
NOT_PEERS = (JERO, CEILING, FLOOR)
EVERYONE_WITH_MANY_ROUTES = (JERO, CEILING, "starlette", "litestar", "blacksheep", "falcon", "fastapi")
EVERYONE_WITH_A_GATEWAY = (JERO, "starlette", "fastapi", "litellm")
EVERYONE_WITH_A_CHANNEL = (JERO, CEILING, "starlette", "litestar", "sse-starlette")
