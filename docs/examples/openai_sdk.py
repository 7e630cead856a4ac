"""Asks the demo with OpenAI's own client. Run `python -m demo_app`, then `python openai_sdk.py`."""

import os

from openai import OpenAI

client = OpenAI(base_url=os.environ.get("DEMO", "http://127.0.0.1:8000/v1"), api_key="any")
stream = client.chat.completions.create(
    model="jero-offline",
    messages=[{"role": "user", "content": "How do I resume a stream?"}],
    stream=True,
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="", flush=True)
