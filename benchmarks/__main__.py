"""Run every benchmark."""

from benchmarks import engine, grid, live, measure, moves, pages, times, watch

for benchmark in (measure, watch, engine, grid, pages, moves, live, times):
    benchmark.main()
