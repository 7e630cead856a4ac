"""jero logs to its own loggers, and leaves their configuration to the program."""

import json
import subprocess
import sys

PROGRAM = """
import json, logging
from jero import BaseApp, Endpoint, NDJSONStreamingResponse
from jero.testing import TestClient

before = logging.root.level, list(logging.root.handlers)
names = []

class Names(logging.Handler):
    def emit(self, record):
        names.append(record.name)

class LinesEndpoint(Endpoint, path="/"):
    async def get(self) -> NDJSONStreamingResponse[int]:
        async def numbers():
            yield 1
        return NDJSONStreamingResponse(stream=numbers())

    async def post(self) -> str:
        raise ValueError

class App(BaseApp):
    async def _wire(self):
        self._include_endpoint(LinesEndpoint())

with TestClient(App()) as client:
    client.get("/")
untouched = before == (logging.root.level, list(logging.root.handlers))
loggers = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "jero"]
configured = [name for name in loggers if logging.getLogger(name).handlers or logging.getLogger(name).level]
logging.root.addHandler(Names())
logging.getLogger("jero").setLevel(logging.INFO)
with TestClient(App()) as client:
    client.get("/")
    client.post("/")
print(json.dumps([untouched, configured, names]))
"""


def test_jero_configures_no_logger_and_logs_each_stream_and_each_500() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    untouched, configured, names = json.loads(ran.stdout)
    assert untouched
    assert not configured
    assert [name for name in names if name.startswith("jero")] == ["jero.streams", "jero.requests"]
