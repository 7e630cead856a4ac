"""An application that prints when it is imported, and when it starts."""

from typing import Any

print("imported")  # noqa: T201 - this is what it is for


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Starts up."""
    print(scope["type"])  # noqa: T201 - this is what it is for
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
