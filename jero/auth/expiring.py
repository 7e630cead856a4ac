"""A user whose credentials run out."""

from datetime import datetime
from typing import Generic

from msgspec import Struct
from typing_extensions import TypeVar

U_co = TypeVar("U_co", covariant=True)


class Expiring(Struct, Generic[U_co], frozen=True):
    """What an authenticator returns, and declares, where credentials expire: the handler gets the `user` alone.

        class Sessions(APIKeyAuth[Expiring[User]], cookie="session"):
            async def verify(self, key: str) -> Expiring[User]: ...

    At `expires_at` a stream that they opened ends with the reason "expired"; from then on they are refused.
    `None`: they do not expire. Raises `ValueError` for a time without its zone.
    """

    user: U_co
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise ValueError(f"Expiring(expires_at={self.expires_at!r}): give a time with its zone, such as UTC.")
