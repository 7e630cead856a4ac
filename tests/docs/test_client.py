import re
import sys

from msgspec.structs import asdict

from jero.client import Reconnection
from tests.docs.example import EXAMPLES, served
from tests.docs.program import ROOT, Program

PAGE = (ROOT / "docs" / "client.md").read_text("utf-8")


def test_the_client_follows_the_parcel_until_204() -> None:
    with served("sse_events") as server:
        with Program([sys.executable, str(EXAMPLES / "client.py"), server.url]) as run:
            lines = run.rest()
            assert run.status() == 0, "\n".join(lines)
        requests = [server.line_with('"GET /parcel HTTP/1.1"') for _ in range(2)]
    assert [request.split('"')[2].strip() for request in requests] == ["200 OK", "204 No Content"]
    assert lines[0] == "09:00 Step(at='09:00', text='packed')"
    assert "\n".join(["$ python client.py", *lines, "```"]) in PAGE


def test_the_table_has_the_defaults_of_reconnection() -> None:
    _, _, section = PAGE.partition("Set it with a `Reconnection`:")
    defaults = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section.partition("\nAn attempt")[0], re.MULTILINE))
    assert defaults == {field: str(default) for field, default in asdict(Reconnection()).items()}
