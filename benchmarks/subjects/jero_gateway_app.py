"""jero's demo, as a gateway to the chat service."""

import os

from benchmarks.gateway import UPSTREAM_URL

os.environ["OPENAI_BASE_URL"] = f"{os.environ[UPSTREAM_URL]}/v1"
os.environ["OPENAI_API_KEY"] = "none"

from demo_app.app import app

__all__ = ["app"]
