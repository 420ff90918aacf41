"""What the engine's tests share: memory by PyTorch's own record, and Ctrl+C as in a terminal."""

import signal
from collections.abc import Callable, Iterator

import pytest
from torch.profiler import ProfilerActivity, profile


@pytest.fixture
def peak() -> Callable[[Callable[[], object]], int]:
    """A function: the largest number of bytes that some work holds at once beyond what was."""

    def measured(work: Callable[[], object]) -> int:
        work()  # what is made once and kept, such as a data set, is no part of it
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
            work()
        events = [e for e in record.profiler.kineto_results.events() if e.name() == "[memory]"]
        held = most = 0
        for event in sorted(events, key=lambda e: e.start_ns()):
            held += event.nbytes()
            most = max(most, held)
        return most

    return measured


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl+C interrupts. In a process that a script starts in the background it does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
