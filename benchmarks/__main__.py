"""Run every benchmark."""

from benchmarks import live, moves, pages, times

for benchmark in (pages, moves, live, times):
    benchmark.main()
