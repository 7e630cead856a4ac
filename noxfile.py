"""The sessions that a change must pass: `nox` runs them, `nox -s lint` runs one, `nox -R` keeps the environments.

Arguments after `--` go to pytest: `nox -s tests-3.12 -- -k disconnect`. `nox -l` lists all sessions.
"""

import os
import shutil
import sys
import zipfile
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2026.1"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False

PROJECT = nox.project.load_toml("pyproject.toml")
TREES = [tree for tree in ("jero", "demo_app", "tests", "docs/examples", "tools", "noxfile.py") if Path(tree).exists()]
BENCHMARKS = "benchmarks"
WITHOUT_WARNINGS = {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
EXTRAS = ",".join(PROJECT["project"]["optional-dependencies"])
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
# The interpreter that runs nox is always there: a machine without the listed ones still runs the tests.
PYTHONS = list(dict.fromkeys([*nox.project.python_versions(PROJECT), RUNNING]))
# What the `house` session runs.
ON_ITS_OWN = ("tests/house",)
# The oldest interpreter lacks the most, and the newest has changed the most. What lies between them runs the tests of
# what an interpreter decides: annotations and type aliases, event loops and tasks, streams, channels, the client. It
# runs each example of the documentation, too, because readers start from them.
# It leaves out what starts programs: servers, the demo, and applications inside other frameworks.
ON_THE_OUTERMOST = (
    "tests/demo",
    "tests/ecosystem",
    "tests/servers",
)
# These depend on another program or package, and not on the interpreter.
ON_THE_NEWEST = (
    "tests/benchmarks",
    "tests/browser",
    "tests/channels/test_chaos.py",
    "tests/channels/test_cluster.py",
    "tests/channels/test_cluster_promotions.py",
    "tests/channels/test_coming_and_going_on_redis.py",
    "tests/channels/test_rooms_chaos.py",
    "tests/demo/test_behind_proxies.py",
    "tests/demo/test_completion_failures.py",
    "tests/demo/test_openai_client.py",
    "tests/demo/test_openai_gateway.py",
    "tests/demo/test_openapi.py",
    "tests/demo/test_question_runs.py",
    "tests/demo/test_shared_answers.py",
    "tests/dependencies/test_databases.py",
    "tests/deployment",
    "tests/docs/test_migrated.py",
    "tests/docs/test_pages.py",  # it compares what the examples print with the pages
    "tests/matrix",
    "tests/npm",
    "tests/openapi/test_python_client.py",
    "tests/openapi/test_schemathesis.py",
    "tests/runs/test_redis_data_loss.py",
    "tests/runs/test_redis_lost.py",
    "tests/runs/test_redis_outages.py",
    "tests/runs/test_redis_workers.py",
    "tests/typing",
)

IMPORT_EVERY_NAME = """
import importlib.metadata, importlib.util, jero
for name in jero.__all__:
    getattr(jero, name)
extras = [
    name for name in ("httpx", "jwt", "python_multipart", "redis", "uvicorn") if importlib.util.find_spec(name)
]
assert not extras, f"the core alone brought {extras}"
version = importlib.metadata.version("jero-asgi")
print(f"jero-asgi {version}: {len(jero.__all__)} public names, from {jero.__file__}")
"""


def install(session: nox.Session, *groups: str, checkout: bool = False) -> None:
    """Installs dependency groups and, if asked, the checkout itself with every extra."""
    requirements = nox.project.dependency_groups(PROJECT, *groups)
    session.install(*requirements, *(["-e", f".[{EXTRAS}]"] if checkout else []))


@nox.session
def lint(session: nox.Session) -> None:
    """Checks the rules and the formatting."""
    install(session, "lint")
    check_rules(session, *TREES)


@nox.session
def types(session: nox.Session) -> None:
    """Runs both type checkers, strict."""
    install(session, "types", "test", checkout=True)
    check_types(session, *TREES)


@nox.session(default=False)
def benchmarks(session: nox.Session) -> None:
    """Checks the rules, the formatting and the types of `benchmarks/`; `bench` is the session that measures."""
    install(session, "lint", "types", "test", checkout=True)
    check_rules(session, BENCHMARKS)
    check_types(session, BENCHMARKS)


def check_rules(session: nox.Session, *trees: str) -> None:
    """Runs ruff over the trees."""
    session.run("ruff", "check", *trees)
    session.run("ruff", "format", "--check", *trees)


def check_types(session: nox.Session, *trees: str) -> None:
    """Runs mypy and pyright over the trees."""
    session.run("mypy", "--num-workers=auto", *trees)
    session.run("pyright", "--project", "pyproject.toml", *trees, env=WITHOUT_WARNINGS)


@nox.session
def house(session: nox.Session) -> None:
    """Checks who may import whom, and how large files and functions may grow."""
    install(session, "house")
    session.install("-e", ".")  # without the extras: their packages take longer to install than the checks to run
    session.run("lint-imports", "--no-cache")
    session.run("pytest", "tests/house")


@nox.session
def docs(session: nox.Session) -> None:
    """Builds the documentation. A warning is an error."""
    install(session, "docs")
    site = Path(session.create_tmp()).resolve() / "site"
    build = ("python", "-m", "mkdocs", "build", "--strict", "--site-dir", str(site))  # -m: it imports from tools/
    session.run(*build, env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def package(session: nox.Session) -> None:
    """Builds the wheel to publish, checks it, and imports it with the core dependencies alone."""
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
    """Fails unless the wheel holds every file of `jero`, its own metadata, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {path.as_posix() for path in Path("jero").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    if packed != expected:
        session.error(f"in the wheel or in jero/, but not in both: {sorted(packed ^ expected)}")


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Strains one worker for three minutes; `nox -s soak -- 30` takes thirty seconds."""
    install(session, checkout=True)
    session.run("python", "-m", "benchmarks.soak", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Runs the tests on each interpreter that is present, and the slowest of them on some."""
    install(session, "test", checkout=True)
    left_out: list[str] = [*ON_ITS_OWN]
    if session.python == PYTHONS[-1]:
        install_npm_packages(session)
    else:
        left_out += ON_THE_NEWEST
    if session.python not in (PYTHONS[0], PYTHONS[-1]):
        left_out += ON_THE_OUTERMOST
    # Two processes more than cores: many tests wait for a server that they have started.
    in_parallel = (f"--numprocesses={(os.cpu_count() or 1) + 2}", "--dist=loadfile", "--no-loadscope-reorder")
    # Tests start hundreds of programs. Without the bytecode, each of them would compile the package again.
    session.run(
        "pytest",
        *in_parallel,
        *map("--ignore={}".format, left_out),
        *session.posargs,
        env={"PYTHONDONTWRITEBYTECODE": None},
    )


def install_npm_packages(session: nox.Session) -> None:
    """Installs node, and what tests/npm/package.json lists, into tests/npm/node_modules.

    Without access to npm's registry the session goes on. The tests that need these packages are skipped.
    """
    install(session, "node")
    quietly = ("--ignore-scripts", "--no-audit", "--no-fund")
    session.run("npm", "ci", "--prefix", "tests/npm", *quietly, success_codes=(0, 1))


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measures jero and its peers, at their newest releases: all workloads, or `nox -s bench -- w1 w3`."""
    install(session, "bench", checkout=True)
    litellm = install_apart(session, "bench-litellm")
    session.run(
        "python",
        "-m",
        "benchmarks",
        *(session.posargs or ["all"]),
        env={"BENCHMARKS_LITELLM_PYTHON": litellm},
    )


def install_apart(session: nox.Session, group: str) -> str:
    """Installs a dependency group in an environment of its own. Returns the path of its Python, "" without success."""
    folder = Path(session.create_tmp()) / group
    python = str(folder / "bin" / "python")
    requirements = nox.project.dependency_groups(PROJECT, group)
    try:
        session.run_install("python", "-m", "venv", str(folder))
        session.run_install(python, "-m", "pip", "install", "--quiet", *requirements, external=True)
    except CommandFailed:
        session.warn(f"{group} does not install here: the benchmarks leave it out")
        return ""
    return python
