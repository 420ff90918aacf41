"""What the engine's tests share: how much memory PyTorch holds, by its own allocator's record."""

from collections.abc import Callable

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
