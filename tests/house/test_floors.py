"""Tests that .importlinter excuses only rooms that do not exist yet: later the excuse would hide their removal."""

import re
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[2]


def contract(name: str, option: str) -> str:
    parser = ConfigParser()
    parser.read(ROOT / ".importlinter", "utf-8")
    return parser[f"importlinter:contract:{name}"][option]


def exists(module: str) -> bool:
    path = ROOT.joinpath(*module.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_a_room_that_exists_is_not_optional() -> None:
    optional = [f"jero.{room}" for room in re.findall(r"\((\w+)\)", contract("floors", "layers"))]
    optional += re.findall(r"\(([\w.]+)\)", contract("stores", "layers"))
    built = [room for room in optional if exists(room)]
    assert not built, f"These rooms exist. Remove their parentheses in .importlinter: {built}"


def test_a_room_that_exists_is_named_without_a_wildcard() -> None:
    patterns = re.findall(r"([\w.]+)\.\*\*", contract("loop", "source_modules"))
    built = [room for room in patterns if exists(room)]
    assert not built, f"These rooms exist. Remove their wildcards in .importlinter: {built}"
