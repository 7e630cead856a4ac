import pytest

from demo_app.settings import LOOPBACK_HOSTS, OPENAI_BASE_URL, OPENAI_MODEL, Service, Settings


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Settings(None, 30)),
        ({"OPENAI_API_KEY": " ", "OPENAI_BASE_URL": "http://elsewhere/v1"}, Settings(None, 30)),
        ({"OPENAI_API_KEY": "k\n"}, Settings(Service(OPENAI_BASE_URL, OPENAI_MODEL, "k"), 30)),
        (
            {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://here/v1", "OPENAI_MODEL": "m"},
            Settings(Service("http://here/v1", "m", "k"), 30),
        ),
        ({"UPSTREAM_TIMEOUT": "2.5"}, Settings(None, 2.5)),
        ({"JERO_DEMO_OPENAPI": "3.1.0"}, Settings(openapi_version="3.1.0")),
        ({"JERO_DEMO_REDIS": "redis://here/1"}, Settings(redis_url="redis://here/1")),
        (
            {"JERO_DEMO_HOSTS": "demo.example, *.example, [fd00::1]"},
            Settings(allowed_hosts=(*LOOPBACK_HOSTS, "demo.example", "*.example", "[fd00::1]")),
        ),
    ],
)
def test_settings_are_read_from_the_environment(environment: dict[str, str], expected: Settings) -> None:
    assert Settings.from_environment(environment) == expected


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon", "3601"])
def test_a_timeout_that_is_not_a_number_of_seconds_raises(text: str) -> None:
    with pytest.raises(ValueError, match="UPSTREAM_TIMEOUT"):
        Settings.from_environment({"UPSTREAM_TIMEOUT": text})


def test_an_unsupported_version_of_openapi_raises() -> None:
    with pytest.raises(ValueError, match=r"JERO_DEMO_OPENAPI='2\.0': set it to 3\.2\.0 or 3\.1\.0\."):
        Settings.from_environment({"JERO_DEMO_OPENAPI": "2.0"})


@pytest.mark.parametrize("text", ["localhost", "localhost:6379", "http://:secret@localhost"])
def test_a_url_that_is_not_a_redis_url_raises_and_is_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"^JERO_DEMO_REDIS is not a URL of a Redis: ") as refused:
        Settings.from_environment({"JERO_DEMO_REDIS": text})
    assert text not in str(refused.value)


@pytest.mark.parametrize("text", ["demo.example:8000", "http://demo.example", "demo.*", "*example", "fd00::1", "a b"])
def test_a_host_with_a_port_or_a_misplaced_asterisk_raises(text: str) -> None:
    with pytest.raises(ValueError, match="JERO_DEMO_HOSTS="):
        Settings.from_environment({"JERO_DEMO_HOSTS": f"localhost, {text}"})


def test_repr_shows_no_secret() -> None:
    given = {"OPENAI_API_KEY": "secret", "JERO_DEMO_REDIS": "redis://:secret@localhost"}
    assert "secret" not in repr(Settings.from_environment(given))
