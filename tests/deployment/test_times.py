"""The times in the files of the page: each limit is longer than what it waits for."""

import re
from typing import Any

import msgspec
import pytest

from tests.deployment.serving import image_command, instructions, setting, shown_command, shown_file
from tests.docs.example import EXAMPLES

SHOP = (EXAMPLES / "shop.py").read_text("utf-8")
MARGIN = 1.0  # jero gives teardown half a second, and sees a shutdown after a tenth
DOCKER_STOP = 10.0  # unless `docker stop --time` says otherwise
COMMANDS = {
    "uvicorn": (shown_command("uvicorn"), "--timeout-graceful-shutdown", "--timeout-keep-alive"),
    "systemd": (setting("shop.service", "ExecStart").split(), "--timeout-graceful-shutdown", "--timeout-keep-alive"),
    "container": (image_command(), "--timeout-graceful-shutdown", "--timeout-keep-alive"),
    "gunicorn": (shown_command("gunicorn"), "--graceful-timeout", "--keep-alive"),
}


def number(pattern: str, text: str) -> float:
    """Returns the only number that matches."""
    (found,) = re.findall(pattern, text)
    return float(found)


DRAIN = number(r"drain_timeout=(\d+)", SHOP)


def option(words: list[str], name: str) -> float:
    """Returns the number after an option."""
    return float(words[words.index(name) + 1])


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_server_waits_longer_than_the_streams_drain(name: str) -> None:
    words, graceful, _ = COMMANDS[name]
    assert option(words, graceful) >= DRAIN + MARGIN


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_server_keeps_idle_connections_longer_than_the_proxies(name: str) -> None:
    words, _, keep_alive = COMMANDS[name]
    proxies = [
        number(r"keepalive_timeout (\d+)s", shown_file("nginx.conf")),
        number(r"keepalive (\d+)s", shown_file("Caddyfile")),
    ]
    assert option(words, keep_alive) > max(proxies)


def test_the_service_manager_waits_longer_than_the_server() -> None:
    words, graceful, _ = COMMANDS["systemd"]
    assert float(setting("shop.service", "TimeoutStopSec")) >= option(words, graceful) + 2 * MARGIN
    words, graceful, _ = COMMANDS["container"]
    assert option(words, graceful) + 2 * MARGIN <= DOCKER_STOP


def test_kubernetes_waits_for_its_proxies_and_for_the_server() -> None:
    manifest: Any = msgspec.yaml.decode(shown_file("kubernetes.yaml"))
    spec = manifest["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    words, graceful, _ = COMMANDS["container"]
    pause = float(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert spec["terminationGracePeriodSeconds"] >= pause + option(words, graceful) + 2 * MARGIN

    probe = container["readinessProbe"]["httpGet"]
    assert f'path="{probe["path"]}"' in SHOP
    assert instructions("EXPOSE") == [str(probe["port"])] == [str(container["ports"][0]["containerPort"])]
    assert str(int(option(words, "--port"))) == str(probe["port"])
