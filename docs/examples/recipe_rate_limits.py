"""A rate limit for each user, in the memory of one process."""

import math
from time import monotonic

from msgspec import Struct

from jero import BaseApp, BearerAuth, Endpoint, TooManyRequests, Unauthorized


class RateLimit:
    """Allows each caller `burst` requests at once, and after them one in `seconds` (generic cell rate algorithm)."""

    def __init__(self, burst: int, seconds: float) -> None:
        self._seconds = seconds
        self._burst = burst * seconds
        self._due: dict[str, float] = {}  # when a caller has paid for all of its requests
        self._many = 10_000

    def count(self, caller: str) -> None:
        """Counts a request. Raises `TooManyRequests`, and counts nothing, if it is one too many."""
        now = monotonic()
        due = max(self._due.get(caller, now), now) + self._seconds
        if due - now > self._burst:
            retry_after = math.ceil(due - now - self._burst)
            raise TooManyRequests("Too many requests.", headers={"Retry-After": str(retry_after)})
        self._due[caller] = due
        if len(self._due) > self._many:  # who has paid for all is as a new caller
            self._due = {caller: due for caller, due in self._due.items() if due > now}
            self._many = max(10_000, 2 * len(self._due))


class User(Struct, frozen=True):
    name: str


class Tokens(BearerAuth[User]):
    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit

    async def verify(self, token: str) -> User:
        name = token.removesuffix("-token")
        if name not in ("ada", "alan"):  # stands for a check as in the page on auth
            raise Unauthorized
        self._limit.count(name)
        return User(name)


class SearchEndpoint(Endpoint, path="/search"):
    errors = (TooManyRequests,)

    async def get(self, user: User) -> str:
        return f"found for {user.name}"


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(SearchEndpoint(), auth=Tokens(RateLimit(burst=5, seconds=60)))


app = App()
