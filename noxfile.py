"""Everything a change must pass: `nox` runs it all, `nox -s lint` one session, `nox -R` keeps the environments.

Arguments after `--` go to pytest: `nox -s tests-3.12 -- -k disconnect`.
"""

import os
import shutil
import sys
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2026.1"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False

PROJECT = nox.project.load_toml("pyproject.toml")
TREES = [
    tree
    for tree in ("jero", "demo_app", "tests", "docs/examples", "benchmarks", "tools", "noxfile.py")
    if Path(tree).exists()
]
EXTRAS = ",".join(PROJECT["project"]["optional-dependencies"])
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
# The interpreter that runs nox is always there, so that a machine with none of the listed ones still tests.
PYTHONS = list(dict.fromkeys([*nox.project.python_versions(PROJECT), RUNNING]))
# What takes longest, and hangs little on the interpreter.
ON_THE_OUTERMOST = ("tests/servers", "tests/ecosystem/test_mounted.py")
ON_THE_NEWEST = (
    "tests/browser",
    "tests/channels/test_chaos.py",
    "tests/demo/test_openapi.py",
    "tests/openapi/test_schemathesis.py",
)

IMPORT_EVERY_NAME = """
import importlib.metadata, importlib.util, jero
for name in jero.__all__:
    getattr(jero, name)
extras = [
    name for name in ("httpx", "jwt", "openai", "redis", "uvicorn") if importlib.util.find_spec(name)
]
assert not extras, f"the core alone brought {extras}"
version = importlib.metadata.version("jero-asgi")
print(f"jero-asgi {version}: {len(jero.__all__)} public names, from {jero.__file__}")
"""


def install(session: nox.Session, *groups: str, checkout: bool = False) -> None:
    """Install dependency groups and, where asked, the checkout itself with every extra."""
    requirements = nox.project.dependency_groups(PROJECT, *groups)
    session.install(*requirements, *(["-e", f".[{EXTRAS}]"] if checkout else []))


@nox.session
def lint(session: nox.Session) -> None:
    """Rules and formatting."""
    install(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Both type checkers, strict, over all that is Python here."""
    install(session, "types", "test", checkout=True)
    session.run("mypy", "--num-workers=auto", *TREES)
    session.run("pyright", "--project", "pyproject.toml", *TREES, env={"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"})


@nox.session
def house(session: nox.Session) -> None:
    """Who may import whom, and how large a thing may grow."""
    install(session, "house", "test")
    session.run("lint-imports", "--no-cache")
    session.run("pytest", "tests/house")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, where a warning is an error."""
    install(session, "docs")
    site = Path(session.create_tmp()).resolve() / "site"
    session.run("mkdocs", "build", "--strict", "--site-dir", str(site), env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def package(session: nox.Session) -> None:
    """What would be published: built, checked, and imported with nothing but the core dependencies beside it."""
    install(session, "package")
    dist = Path(session.create_tmp()).resolve() / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist))
    session.run("twine", "check", "--strict", *map(str, dist.iterdir()))
    (wheel,) = dist.glob("jero_asgi-*.whl")  # "jero" alone is another project on the package index
    check_content(session, wheel)
    empty = dist.parent / "empty"
    session.run("python", "-m", "venv", "--clear", str(empty))
    python = str(empty / ("Scripts" if sys.platform == "win32" else "bin") / "python")
    session.run(python, "-m", "pip", "install", "--quiet", str(wheel), external=True)
    session.run(python, "-m", "pip", "check", external=True)
    session.run(python, "-I", "-W", "error", "-c", IMPORT_EVERY_NAME, external=True)


def check_content(session: nox.Session, wheel: Path) -> None:
    """The wheel holds every file of `jero`, its own metadata, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {path.as_posix() for path in Path("jero").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    if packed != expected:
        session.error(f"in the wheel or in jero/, but not in both: {sorted(packed ^ expected)}")


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Three minutes of everything at once; `nox -s soak -- 30` for thirty seconds."""
    install(session, checkout=True)
    session.run("python", "-m", "benchmarks.soak", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The tests, on each interpreter that is present; those that take longest not on each."""
    install(session, "test", checkout=True)
    left_out: list[str] = [] if session.python == PYTHONS[-1] else [*ON_THE_NEWEST]
    if session.python not in (PYTHONS[0], PYTHONS[-1]):
        left_out += ON_THE_OUTERMOST
    # One more than there are cores: many tests wait for a server that they have started.
    in_parallel = (f"--numprocesses={(os.cpu_count() or 1) + 1}", "--dist=loadfile", "--no-loadscope-reorder")
    session.run("pytest", *in_parallel, *map("--ignore={}".format, left_out), *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """jero beside its peers, at their newest releases: `nox -s bench -- w1 w3`; all workloads without arguments."""
    install(session, "bench", checkout=True)
    session.run("python", "-m", "benchmarks", *(session.posargs or ["all"]))
