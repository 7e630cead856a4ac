"""Searches the repository for instructions that would install another project, which the index holds as `jero`."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.house.distribution import files, instructions_for_the_stranger

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

INSTALLS_THE_STRANGER = [
    "pip install jero",
    "pip install Jero",
    'pip install "jero[redis]"',
    "pip install 'jero[redis]'",
    "pip install jero[redis]",
    r"pip install jero\[redis\]",
    'pip install jero"[redis]"',
    "pip install -U jero",
    "pip install --upgrade jero",
    "pip --quiet install jero",
    "pip --cache-dir .cache install jero",
    "pip3.12 install jero",
    "python -m pip install jero",
    ".venv/bin/pip install jero",
    "pip install jero.",
    "pip install jero, then start it",
    "pip install jero==0.1.0",
    "pip install jero==..",
    'pip install "jero >= 0.1"',
    "pip install jero; python -m jero",
    "pip install httpx jero uvicorn",
    "pip install -r requirements.txt jero",
    "pip install jero-asgi jero",
    "pip install httpx && pip install jero",
    "pip install \\\n    httpx \\\n    jero",
    "Run `pip install\njero` first.",
    'raise ImportError("RedisStore needs redis: pip install "\n    "jero")',
    r'{"run": "pip install \"jero[redis]\"\n"}',
    '["python", "-m", "pip", "install", "-U", "jero"]',
    "['pip', 'install', 'jero[redis, client]']",
    'session.install("jero")',
    "<code>pip install jero</code>",
    "pip download jero",
    "pip wheel --wheel-dir dist jero",
    "uv pip install jero==0.1",
    "uv add jero",
    "uv add 'jero[server]>=0.1'",
    "uv tool install jero",
    "uv run --with jero main.py",
    "uv run --with=httpx,jero main.py",
    "uvx jero",
    "uvx --from=jero serve",
    "pipx install jero",
    "pipx run jero",
    "poetry add jero",
    "pdm add jero",
    "pipenv install jero",
    "conda install -c conda-forge jero",
    "needs the extra `jero[client]`",
    "Install `jero[jwt]`, which adds PyJWT.",
    "Install `jero` from the package index.",
    "(extra `jero[jwt]`)",
    "jero==0.1.0",
    'dependencies = ["jero>=0.1", "httpx"]',
    "jero ~= 0.1",
    'jero = "^0.1"',
    'importlib.metadata.version("jero")',
]
INSTALLS_SOMETHING_ELSE = [
    "pip install jero-asgi",
    'pip install "jero-asgi[redis]"',
    "pip install jero_asgi==0.1",
    "pip install '.[redis]'",
    "pip install .",
    "pip install ./jero",
    "pip install ../jero[redis]",
    "pip install jero/",
    "pip install dist/jero_asgi-0.1.0-py3-none-any.whl",
    "pip install git+https://example.org/team/jero",
    "pip install git+https://example.org/team/jero.git",
    "pip install --target jero .",
    "pip install -e jero",
    "pip install $jero",
    "pip install jero-contrib my-jero",
    "pip install . && python -m jero",
    "pip install . # jero and its dependencies",
    "pip install .; uvicorn jero:app",
    "To use jero, install the checkout: `pip install '.[server]'`. You import `jero`.",
    "The package named `jero` on the package index is another project.",
    "## How do I install jero?",
    "jero [starts](first-steps.md) at once.",
    "jero [^1]",
    "jero[^1]",
    "jero, installed with pip, is small",
    "uv run jero",
    "poetry run jero",
    "from jero import BaseApp",
    'packages = ["jero"]',
    'known-first-party = ["jero", "tests"]',
    "jero = 3",
    '"jero"[0]',
    'importlib.metadata.version("jero-asgi")',
    "| jero | 0.34 | 0.088 |",
    "jero 0.1.0, msgspec 0.22.0",
]


@pytest.mark.parametrize("text", INSTALLS_THE_STRANGER)
def test_an_instruction_for_the_stranger_is_found(text: str) -> None:
    assert list(instructions_for_the_stranger(text))


@pytest.mark.parametrize("text", INSTALLS_SOMETHING_ELSE)
def test_other_text_is_not_found(text: str) -> None:
    assert not list(instructions_for_the_stranger(text))


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("requirements.txt", "httpx\njero\n", 1),
        ("requirements-dev.in", "jero  # the framework\n", 1),
        ("constraints.txt", "jero @ https://example.org/jero.whl\n", 1),
        ("requirements.txt", "jero-asgi\n./jero\n", 0),
        ("first-steps.md", "httpx\njero\n", 0),
    ],
)
def test_a_requirements_file_lists_bare_names(name: str, text: str, count: int) -> None:
    assert len(list(instructions_for_the_stranger(text, name))) == count


COMMANDS = [
    *("pip install", "pip3 install", "pip3.13 install", "python -m pip install", "py -3 -m pip -q install"),
    *(
        "PIP_NO_INPUT=1 pip install",
        "venv/bin/pip --python .venv install",
        "uv pip install",
        "uv add",
        "uv tool install",
    ),
    *(
        "uv --offline add",
        "uvx",
        "pipx install",
        "pipx run",
        "poetry add",
        "pdm add",
        "pip download",
        "sudo pip install",
    ),
]
OPTIONS = [
    "-U",
    "--upgrade",
    "--no-deps",
    "-q",
    "--pre",
    "--index-url https://example.org/simple",
    "--progress-bar=off",
]
OTHERS = [
    "httpx",
    "'uvicorn[standard]'",
    '"redis>=5"',
    "-r requirements.txt",
    "-e .",
    "./jero",
    "jero-asgi[jwt]",
    "jerome",
]
EXTRAS = ["", "[redis]", "[redis,client]", "[redis, client]"]
VERSIONS = ["", "==0.1.0", ">=0.1,<1", " >= 0.1", "~=0.1", "!=0.2", "===0.1"]
FRAMES = [
    *("{}", "$ {}", "    {}", "Run `{}` first.", "| redis | `{}` |", "RUN {} && jero", "cd x && {}", "- run: {}"),
    *("{}  # jero", "f'{}'", '"{}",', "It needs redis: {}.", "```sh\n{}\n```", "# {}", "({})"),
]
OF_THE_STRANGER = st.sampled_from(["jero", "Jero", "JERO"])
OF_OTHERS = st.sampled_from(
    ["jero-asgi", "Jero_ASGI", "./jero", "../jero", "jero-contrib", "jerome", "my.jero", "jero2"]
)
QUOTES = st.sampled_from(["'", '"', r"\"", ""])


@st.composite
def lines(draw: st.DrawFn, names: st.SearchStrategy[str]) -> str:
    """Draws a line that installs several packages, one of which has a name of `names`, in any spelling."""
    package = draw(names) + draw(st.sampled_from(EXTRAS)) + draw(st.sampled_from(VERSIONS))
    quote = draw(QUOTES)
    others = draw(st.lists(st.sampled_from([*OPTIONS, *OTHERS]), max_size=4))
    others.insert(draw(st.integers(0, len(others))), f"{quote}{package}{quote}")
    return draw(st.sampled_from(FRAMES)).format(" ".join([draw(st.sampled_from(COMMANDS)), *others]))


@given(line=lines(OF_THE_STRANGER))
def test_the_stranger_is_found_in_any_spelling(line: str) -> None:
    assert list(instructions_for_the_stranger(line))


@given(line=lines(OF_OTHERS))
def test_other_packages_are_not_found_in_any_spelling(line: str) -> None:
    assert not list(instructions_for_the_stranger(line))


def test_no_file_installs_the_stranger() -> None:
    searched: list[Path] = []
    found: list[str] = []
    for path in files(ROOT):
        data = path.read_bytes()
        if path != Path(__file__) and b"\0" not in data:
            searched.append(path.relative_to(ROOT))
            text = data.decode("utf-8")
            found += [
                f"{searched[-1]}: {instruction}" for instruction in instructions_for_the_stranger(text, path.name)
            ]
    assert not found, "jero is another project on the package index, write jero-asgi:\n" + "\n".join(found)
    assert {Path("README.md"), Path(".ci/run"), Path("jero/client/__init__.py"), Path("noxfile.py")} <= set(searched)


def test_files_are_those_of_the_checkout(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.py[cod]\n__pycache__/\n*.egg-info/\nbenchmarks/results/\n", "utf-8")
    kept = [".ci/run", "benchmarks/table.py", "results/a.md"]
    left = [".git/config", "a/__pycache__/x", "jero.egg-info/x", "benchmarks/results/x", "env/pyvenv.cfg", "env/lib/x"]
    for path in (*kept, *left):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert {path.relative_to(tmp_path).as_posix() for path in files(tmp_path)} == {".gitignore", *kept}


def test_the_distribution_and_what_it_requires() -> None:
    project = PROJECT["project"]
    assert project["name"] == "jero-asgi"
    assert project["optional-dependencies"]["negotiation"] == []
    groups = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]
    required = [requirement for group in groups for requirement in group if isinstance(requirement, str)]
    names = {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in required}
    assert "jero" not in names
    assert "jero-asgi" in names
