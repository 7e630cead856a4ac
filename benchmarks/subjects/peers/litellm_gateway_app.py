"""LiteLLM's proxy: one model, of an upstream that speaks OpenAI's protocol. It reads its configuration from a file."""

import json
import os
import tempfile

from benchmarks.gateway import UPSTREAM_URL

upstream = {"model": "openai/gpt-4o-mini", "api_base": f"{os.environ[UPSTREAM_URL]}/v1", "api_key": "none"}
configuration = {
    "model_list": [{"model_name": "gpt-4o-mini", "litellm_params": upstream}],
    "general_settings": {"dangerously_permit_weak_or_unset_master_key": True},  # it serves this machine alone
}

with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False) as file:
    json.dump(configuration, file)  # JSON is YAML, too

os.environ["CONFIG_FILE_PATH"] = file.name
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # fetches nothing at startup

from litellm.proxy.proxy_server import app  # noqa: E402 - it reads the environment

__all__ = ["app"]
