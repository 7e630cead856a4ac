"""`.importlinter` may excuse a room that is not built. Once it is built the excuse would hide its removal."""

import re
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[2]


def contract(name: str, option: str) -> str:
    parser = ConfigParser()
    parser.read(ROOT / ".importlinter", "utf-8")
    return parser[f"importlinter:contract:{name}"][option]


def is_built(module: str) -> bool:
    path = ROOT.joinpath(*module.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_only_rooms_that_are_not_built_are_optional() -> None:
    optional = [f"jero.{room}" for room in re.findall(r"\((\w+)\)", contract("floors", "layers"))]
    optional += re.findall(r"\(([\w.]+)\)", contract("stores", "layers"))
    built = [room for room in optional if is_built(room)]
    assert not built, f"built, so no longer in parentheses in .importlinter: {built}"


def test_a_built_room_without_a_loop_is_named_in_full() -> None:
    patterns = re.findall(r"([\w.]+)\.\*\*", contract("loop", "source_modules"))
    built = [room for room in patterns if is_built(room)]
    assert not built, f"built, so named without the wildcard in .importlinter: {built}"
