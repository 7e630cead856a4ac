import pytest

from demo_app.settings import OPENAI_BASE_URL, OPENAI_MODEL, Service, Settings


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
    ],
)
def test_the_environment_names_the_service(environment: dict[str, str], expected: Settings) -> None:
    assert Settings.from_environment(environment) == expected


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon", "3601"])
def test_a_timeout_that_is_no_number_of_seconds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="UPSTREAM_TIMEOUT"):
        Settings.from_environment({"UPSTREAM_TIMEOUT": text})


def test_a_version_of_openapi_that_is_not_written_is_refused() -> None:
    with pytest.raises(ValueError, match=r"JERO_DEMO_OPENAPI='2\.0': it is 3\.2\.0 or 3\.1\.0\."):
        Settings.from_environment({"JERO_DEMO_OPENAPI": "2.0"})


@pytest.mark.parametrize("text", ["localhost", "localhost:6379", "http://:secret@localhost"])
def test_what_is_no_url_of_a_redis_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"^JERO_DEMO_REDIS is no URL of a Redis: ") as refused:
        Settings.from_environment({"JERO_DEMO_REDIS": text})
    assert text not in str(refused.value)


def test_no_secret_is_shown() -> None:
    given = {"OPENAI_API_KEY": "secret", "JERO_DEMO_REDIS": "redis://:secret@localhost"}
    assert "secret" not in repr(Settings.from_environment(given))
