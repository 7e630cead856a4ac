"""Paths of any length and any number of segments: the declared templates bound their cost."""

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from starlette.applications import Starlette

from jero import BaseApp, Endpoint
from jero.routing import Router, WrongMethod, read_template
from tests.application import call, http_scope
from tests.test_routing import executed_lines

KIB = 1_024
SECONDS = 1.0


class Slot(Struct):
    a: str


class Slots(Struct):
    a: str
    b: str


class One(Endpoint, path="/{a}"):
    async def get(self, path: Slot) -> str:
        return path.a


class Two(Endpoint, path="/{a}/x/{b}"):
    async def get(self, path: Slots) -> str:
        return path.b


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(One())
        self._include_endpoint(Two())
        self._include_app(Starlette(), path="/below/deep")


@pytest.mark.parametrize("root_path", ["", "/api"])
@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"/" + b"x" * 60 * KIB, 200),
        (b"/" + b"%41" * 20 * KIB, 200),
        (b"/" + b"%2F" * 20 * KIB, 200),
        (b"/" * 10_000, 404),
        (b"/a/x" * 10_000, 404),
        (b"/%61/x" * 10_000, 404),
        (b"/%ff" * 10_000, 400),
        (b"/below/deep" + b"/" * 10_000, 404),
        (b"/below%2Fdeep" + b"/" * 10_000, 404),
    ],
)
async def test_paths_without_measure_cost_linear_time(raw: bytes, status: int, root_path: str) -> None:
    await check(root_path.encode() + raw, status, root_path)


async def test_a_path_that_leaves_its_root_within_a_segment_costs_linear_time() -> None:
    # Put together one by one, its segments would be copied for 600,000 times 300 KB: 5 s.
    await check(b"/api%2Fx" + b"/" * 600_000, 404, "/api")


async def check(raw: bytes, status: int, root_path: str) -> None:
    path = raw.replace(b"%41", b"A").replace(b"%61", b"a").replace(b"%2F", b"/").replace(b"%ff", "\ufffd".encode())
    scope = {**http_scope(path=path.decode(), root_path=root_path), "raw_path": raw}
    app = App()
    async with app.lifespan():
        began = process_time()
        sent = await call(app, scope)
        assert process_time() - began < SECONDS
    assert sent[0]["status"] == status


SEGMENTS = st.sampled_from(["a", "b", "{}"])
TEMPLATES = st.lists(st.lists(SEGMENTS, min_size=1, max_size=12), min_size=1, max_size=30)


def template(segments: list[str]) -> str:
    return "/" + "/".join(f"{{s{place}}}" if name == "{}" else name for place, name in enumerate(segments))


@settings(max_examples=60)
@given(templates=TEMPLATES, path=st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=12))
def test_no_path_costs_more_than_a_look_at_each_segment_of_each_template(
    templates: list[list[str]], path: list[str]
) -> None:
    router = Router[str]()
    for segments in templates:
        router.add("POST", read_template(template(segments)), "a route")
    lines = executed_lines(lambda: router.find("GET", "/" + "/".join(path)))
    nodes = sum(len(segments) + 1 for segments in templates if len(segments) == max(len(path), 1))
    assert lines <= 20 + 20 * nodes


def test_slots_beside_literals_do_not_multiply() -> None:
    """Each of 20 segments has a literal and a slot, so a path of literals matches 2 ** 20 ways, but few templates."""
    router = Router[str]()
    depth = 20
    texts = {template(["a"] * place + ["{}"] + ["a"] * (depth - place - 1)) for place in range(depth)}
    texts |= {template(["{}", "a"] * (depth // 2)), template(["a", "{}"] * (depth // 2)), template(["{}"] * depth)}
    for text in texts:
        router.add("POST", read_template(text), text)
    path = "/a" * depth
    assert router.find("GET", path) == WrongMethod(("POST",))
    assert executed_lines(lambda: router.find("GET", path)) < 20 * depth * len(texts)
    assert executed_lines(lambda: router.find("GET", path[:-1] + "b")) < 20 * depth * len(texts)
