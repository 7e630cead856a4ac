"""The documentation page knows every name of NDJSON that the server sends or accepts."""

import re
from importlib import resources

from jero.framing.json import NDJSON_NAMES


def test_the_page_streams_every_media_type_of_ndjson() -> None:
    script = (resources.files("jero.openapi") / "static" / "document.js").read_text("utf-8")
    shown = re.search(r"const LINES = new Set\(\[(.*?)\]\)", script, re.DOTALL)
    assert shown is not None
    assert set(re.findall(r'"([^"]+)"', shown[1])) == set(NDJSON_NAMES)
