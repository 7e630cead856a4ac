"""Users whose credentials expire."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from jero.auth import APIKeyAuth, Expiring
from tests.auth.asking import User, asked, refusal

NOW = datetime.now(UTC)


class Sessions(APIKeyAuth[Expiring[User] | None], cookie="session"):
    def __init__(self, expires_at: datetime | None) -> None:
        self._expires_at = expires_at

    async def verify(self, key: str) -> Expiring[User]:
        return Expiring(User(key), self._expires_at)


COOKIE = ("Cookie", "session=a")


@pytest.mark.parametrize(
    "expires_at",
    [NOW + timedelta(days=1), NOW.astimezone(timezone(timedelta(hours=5))) + timedelta(days=1)],
)
async def test_the_user_and_the_expiry_are_separated(expires_at: datetime) -> None:
    assert await asked(Sessions(expires_at), COOKIE) == (User("a"), expires_at.timestamp())


async def test_credentials_without_an_expiry_do_not_expire() -> None:
    assert await asked(Sessions(None), COOKIE) == (User("a"), None)


async def test_anonymous_callers_do_not_expire() -> None:
    assert await asked(Sessions(NOW)) == (None, None)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(microseconds=1), timedelta(days=9_999)])
async def test_expired_credentials_are_refused(age: timedelta) -> None:
    assert await refusal(Sessions(NOW - age), COOKIE) == 'APIKey realm="api"'


def test_a_time_without_its_zone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^Expiring\(expires_at=.*\): give a time with its zone, such as UTC\.$"):
        Expiring(User("a"), datetime(2030, 1, 1))  # noqa: DTZ001 - the missing zone is the point
