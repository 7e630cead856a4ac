"""Finds instructions that would install a stranger's code.

The package index holds another project under the name `jero`; the distribution of this project is `jero-asgi`. Names of
distributions ignore case, so the search does too.
"""

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

# The name alone, not as a part of `jero-asgi`, of a path, of a file's name or of a longer word.
_BEFORE = r"(?<![\w.\-/$])"
_AFTER = r"(?![\w/\-]|\.\w)"
_NAME = re.compile(rf"{_BEFORE}jero{_AFTER}")
_OPTION = r"-\S+(?:\s+(?!(?:install|add|download|wheel|inject|upgrade|run)\b)[^\s-]\S*)?"
_COMMAND = re.compile(
    rf"""
    (?: \b (?:pip[\d.]*|uv|poetry|pdm|rye|pipenv|pixi|conda|mamba) (?:\s+(?:pip|tool|{_OPTION}))*
            \s+ (?:install|add|download|wheel|upgrade)
      | \b pipx (?:\s+{_OPTION})* \s+ (?:install|inject|upgrade|run)
      | \b uv \s+ tool \s+ run
      | \b uvx | \b easy_install | \b session\.install
    ) (?=[\s(])
    (?P<arguments> [^`;&|\n]* )
    """,
    re.VERBOSE,
)
_ELSEWHERE = re.compile(
    rf"""
      {_BEFORE} jero \[ \s* [a-z]                                     # an extra
    | {_BEFORE} jero \s* (?:===?|[~!<>]=|[<>]) \s* v?\d              # a version
    | {_BEFORE} jero \s* = \s* [\^~*<>]                              # a version in TOML
    | --(?:with|from) [=\s] \s* (?:[^\s,]+,)* jero {_AFTER}          # of uv run, of uvx
    | \b install \s+ `jero`
    | metadata \. \w+ \s* \( jero \)                                # a look-up of the installed distribution
    """,
    re.VERBOSE,
)
_REQUIREMENT = re.compile(rf"^\s*jero{_AFTER}", re.MULTILINE)
_REQUIREMENTS_FILE = re.compile(r"(?:requirements|constraints)[\w.-]*\.(?:txt|in)")
# The value of these options is a path or another name, never a package to install.
_OPTIONS_WITHOUT_PACKAGES = {
    *("-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-f", "--find-links", "--group"),
    *("-t", "--target", "-d", "--dest", "-w", "--wheel-dir", "--prefix", "--root", "--src", "--cache-dir", "--log"),
    *("-p", "--python", "--directory", "--project", "-n", "--name"),
}


def instructions_for_the_stranger(text: str, file_name: str = "") -> Iterator[str]:
    """Yields each instruction in `text` that names the distribution `jero`."""
    plain = _without_quotes(_on_one_line(text)).lower()
    for command in _COMMAND.finditer(plain):
        if any(_NAME.match(argument) for argument in _packages(command["arguments"])):
            yield command[0].strip()
    for found in _ELSEWHERE.finditer(plain):
        yield found[0]
    if _REQUIREMENTS_FILE.fullmatch(file_name):
        yield from _REQUIREMENT.findall(plain)


def _on_one_line(text: str) -> str:
    """Joins the lines of one command: continued lines, a wrapped code span, a wrapped string of Python."""
    text = re.sub(r"\\\r?\n", " ", text)
    text = re.sub(r"""(["'])[ ]*\n\s*f?\1""", "", text)
    return re.sub(r"`[^`\n]+\n[^`\n]+`", lambda span: span[0].replace("\n", " "), text)


def _without_quotes(text: str) -> str:
    """Removes the characters that a shell, JSON or an `argv` list puts around an argument."""
    text = re.sub(r"\\[nt]", " ", text)
    text = re.sub(r"""\b[bfr]{1,2}(?=["'])""", "", text, flags=re.IGNORECASE)
    text = re.sub(r"""(["'])\s*,\s*\1""", " ", text)
    return re.sub(r"""["'\\]""", "", text)


def _packages(arguments: str) -> Iterator[str]:
    """Yields the arguments of an install command that are neither options nor their values."""
    before = ""
    for argument in re.split(r"[\s,()]+", arguments):
        if argument == "#":
            return
        if not argument.startswith("-") and before not in _OPTIONS_WITHOUT_PACKAGES:
            yield argument.lstrip("[{<")
        before = argument


def files(root: Path) -> Iterator[Path]:
    """Yields the files of a checkout, without those that .gitignore excludes, and without virtual environments."""
    lines = (root / ".gitignore").read_text("utf-8").splitlines()
    ignored = [".git", *(line.strip("/") for line in lines if line.endswith("/"))]
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = [
            name
            for name in folders
            if not any(fnmatch(path, pattern) for path in (name, _below(root, here / name)) for pattern in ignored)
            and not (here / name / "pyvenv.cfg").exists()
        ]
        yield from (here / name for name in names)


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
