"""Tests whole runs of small sizes on real servers, with the subjects that need only jero."""

import math
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import pytest

from benchmarks.__main__ import main, runnable
from benchmarks.in_process import measure_apart
from benchmarks.item import ITEM_BYTES
from benchmarks.run import run
from benchmarks.server import Server
from benchmarks.subject import (
    CEILING,
    EVERYONE_WITH_A_CHANNEL,
    EVERYONE_WITH_A_GATEWAY,
    EVERYONE_WITH_MANY_ROUTES,
    FLOOR,
    GATEWAY_ALONE,
    JERO,
    SUBJECTS,
)
from benchmarks.versions import versions
from benchmarks.workloads import WORKLOADS
from tests.programs import needs_program

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["w1", "w5a", "w5b", "w6", "w10", "w19"])
def test_a_quick_run_measures_jero_and_the_ceiling(name: str) -> None:
    workload = WORKLOADS[name]
    results = run(workload, [JERO, CEILING], rounds=1, is_quick=True)
    assert list(results.rounds) == [JERO, CEILING]
    for metric in workload.metrics:
        assert set(results.medians(metric.name)) == {JERO, CEILING}
        assert (results.median(JERO, metric.name) or 0) > 0
    assert results.verdicts()


@needs_program("redis-server")
def test_a_quick_run_measures_many_channels() -> None:
    workload = WORKLOADS["w16"]
    results = run(workload, [JERO], rounds=1, is_quick=True)
    figures = {metric.name: results.median(JERO, metric.name) for metric in workload.metrics}
    assert all(figure is not None and math.isfinite(figure) for figure in figures.values())
    assert 0 < (figures["memory, an open channel"] or 0) < 4
    assert len(results.verdicts()) == len(workload.targets)


@needs_program("redis-server")
def test_a_quick_run_measures_many_runs() -> None:
    workload = WORKLOADS["w17"]
    results = run(workload, [JERO], rounds=1, is_quick=True)
    figures = {metric.name: results.median(JERO, metric.name) for metric in workload.metrics}
    assert all(figure is not None and math.isfinite(figure) for figure in figures.values())
    assert [figures[f"{store}, {name}"] for store in ("memory", "Redis") for name in ("wrong", "tasks")] == [0.0] * 4
    assert len(results.verdicts()) == len(workload.targets)


def test_a_quick_run_measures_short_streams_beside_the_floor() -> None:
    workload = WORKLOADS["w14"]
    results = run(workload, [JERO, CEILING, FLOOR], rounds=1, is_quick=True)
    for metric in workload.metrics:
        assert set(results.medians(metric.name)) == {JERO, CEILING, FLOOR}
        assert (results.median(JERO, metric.name) or 0) > 0
    assert [(verdict.target, verdict.against) for verdict in results.verdicts()] == [
        (target, target.against) for target in workload.targets
    ]


@pytest.mark.parametrize("count", [0, 1, 20])
def test_the_floor_sends_what_jero_sends(count: int) -> None:
    targets = [f"/ndjson/ready?count={count}"]
    sizes = {measure_apart(SUBJECTS[name].module, 1, targets)[0].bytes for name in (JERO, FLOOR)}
    assert sizes == {count * (ITEM_BYTES + 1)}


class CountedServer(Server):
    """A server that counts how many run at once."""

    count = 0

    def __enter__(self) -> Self:
        CountedServer.count += 1
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        CountedServer.count -= 1


def test_a_server_that_may_hang_is_gone_before_another_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.trial.Server", CountedServer)
    left: list[int] = []
    run(WORKLOADS["w7"], [JERO], rounds=2, is_quick=True, progress=lambda _: left.append(CountedServer.count))
    assert left == [0, 0]


@pytest.mark.parametrize("name", ["w7", "w7c"])
def test_a_quick_run_measures_health_beside_endless_sources(name: str) -> None:
    results = run(WORKLOADS[name], [JERO], rounds=1, is_quick=True)
    for figure, value in results.rounds[JERO][0].items():
        assert 0 < value < math.inf, figure


def test_the_command_prints_and_writes_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.__main__.RESULTS", tmp_path)
    monkeypatch.setattr("benchmarks.__main__.can_draw", lambda: False)
    main(["w10", "--quick", "--rounds", "1", "--subjects"])
    printed = capsys.readouterr().out
    assert "W10" in printed
    assert "matplotlib is not installed" in printed
    assert {path.name for path in tmp_path.iterdir()} == {"w10.md", "w10.json"}
    with pytest.raises(SystemExit, match="needs matplotlib"):
        main(["w10", "--quick", "--publish"])


def test_a_quick_run_measures_gateways() -> None:
    workload = WORKLOADS["w15"]
    results = run(workload, [JERO, "starlette"], rounds=1, is_quick=True)
    for metric in workload.metrics:
        figures = results.medians(metric.name)
        assert set(figures) == {JERO, "starlette"}
        assert all(math.isfinite(value) for value in figures.values())
        assert all(value > 0 for value in figures.values()) or "CPU" not in metric.unit
    assert results.verdicts()


def test_a_subject_without_its_environment_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCHMARKS_LITELLM_PYTHON", raising=False)
    results = run(WORKLOADS["w15"], ["litellm"], rounds=1, is_quick=True)
    assert results.not_installed == ["litellm"]
    assert results.rounds == {}
    assert versions(["litellm"])[-1] == "litellm (not installed)"


def test_the_version_of_a_subject_is_that_of_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = replace(SUBJECTS["litellm"], distributions=("msgspec",))
    monkeypatch.setitem(SUBJECTS, "litellm", elsewhere)
    monkeypatch.setenv("BENCHMARKS_LITELLM_PYTHON", f"{Path(sys.executable).parent}/./{Path(sys.executable).name}")
    assert versions(["litellm"])[-1] == f"msgspec {msgspec.__version__}"


def test_what_an_application_prints_is_no_answer_of_its_server() -> None:
    with Server("tests.benchmarks.printing_app") as server:
        assert server.port > 0
        assert server.read().cpu > 0


@needs_program("redis-server")
def test_a_quick_run_measures_a_channel_on_redis() -> None:
    workload = WORKLOADS["w11"]
    results = run(workload, [JERO, CEILING], rounds=1, is_quick=True)
    (figures,) = results.rounds[JERO]
    assert set(figures) == {metric.name for metric in workload.metrics}
    assert all(0 < value < math.inf for value in figures.values())
    assert CEILING not in results.rounds


def test_a_workload_without_its_program_is_refused_by_name_and_left_out_of_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert runnable(["w1", "w5a"]) == ["w1", "w5a"]
    with pytest.raises(SystemExit, match="w11 needs redis-server"):
        runnable(["w1", "w11"])
    assert runnable(["all"]) == [name for name in WORKLOADS if name not in ("w11", "w16", "w17")]
    assert "w11 is left out" in capsys.readouterr().out


def test_subjects_take_turns() -> None:
    turns: list[str] = []
    run(WORKLOADS["w1"], [JERO, CEILING], rounds=2, is_quick=True, progress=turns.append)
    assert turns == ["W1 round 1: jero", "W1 round 1: ceiling", "W1 round 2: jero", "W1 round 2: ceiling"]


def test_a_server_reports_its_use_and_ends_on_leaving() -> None:
    with Server(SUBJECTS[CEILING].module) as server:
        reading = server.read()
        assert reading.cpu > 0
        assert reading.resident > 1024**2
        assert reading.tasks > 0
        assert reading.closings == []
        assert server.read().cpu >= reading.cpu
    with pytest.raises(RuntimeError, match="is not running"):
        server.read()


@pytest.mark.parametrize("name", [name for name in SUBJECTS if name not in GATEWAY_ALONE])
def test_every_subject_has_an_application(name: str) -> None:
    assert holds_an_application(SUBJECTS[name].module)


@pytest.mark.parametrize("name", EVERYONE_WITH_A_GATEWAY)
def test_every_subject_with_a_gateway_has_an_application_for_it(name: str) -> None:
    assert holds_an_application(SUBJECTS[name].gateway_module)


@pytest.mark.parametrize("name", EVERYONE_WITH_A_CHANNEL)
def test_every_subject_with_a_channel_has_an_application_for_it(name: str) -> None:
    assert holds_an_application(SUBJECTS[name].channel_module)


@pytest.mark.parametrize("name", EVERYONE_WITH_MANY_ROUTES)
def test_a_subject_with_many_routes_has_a_module_that_declares_them(name: str) -> None:
    source = (ROOT / f"{SUBJECTS[name].routes_module.replace('.', '/')}.py").read_text("utf-8")
    assert re.search(r"^def declare\(", source, re.MULTILINE)


def holds_an_application(module: str) -> bool:
    source = (ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8")
    return re.search(r"^(app = |async def app\(|from \S+ import app\b)", source, re.MULTILINE) is not None


def test_every_workload_names_existing_metrics_and_subjects() -> None:
    for workload in WORKLOADS.values():
        assert set(workload.subjects) <= set(SUBJECTS)
        for target in workload.targets:
            assert workload.metric(target.metric) in workload.metrics
