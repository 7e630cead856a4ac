"""Runs a workload: all subjects in turn, round after round."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from benchmarks.results import Results
from benchmarks.subject import SUBJECTS
from benchmarks.trial import Trial
from benchmarks.workload import Workload


def run(
    workload: Workload,
    names: Sequence[str],
    *,
    rounds: int,
    is_quick: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Results:
    """Measures each of these subjects that takes part in the workload `rounds` times, in turn.

    A subject without an environment of its own, if it needs one, is named in the results as not installed.
    """
    results = Results(workload)
    with ExitStack() as stack:
        trials: list[Trial] = []
        for name in names:
            if name not in workload.subjects:
                continue
            if not SUBJECTS[name].interpreter:
                results.not_installed.append(name)
            else:
                trials.append(Trial(SUBJECTS[name], is_quick=is_quick))
                stack.callback(trials[-1].close)
        for number in range(min(rounds, workload.most_rounds)):
            for trial in trials:
                trial.round = number
                progress(f"{workload.name} round {number + 1}: {trial.subject.name}")
                results.add(trial.subject.name, workload.measure(trial))
    return results
