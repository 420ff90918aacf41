"""Run every benchmark."""

from benchmarks import engine, grid, live, measure, moves, pages, times

for benchmark in (measure, engine, grid, pages, moves, live, times):
    benchmark.main()
