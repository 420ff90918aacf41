"""Run every benchmark."""

from benchmarks import doctor, engine, examine, grid, live, measure, moves, pages, times, watch

for benchmark in (measure, watch, examine, doctor, engine, grid, pages, moves, live, times):
    benchmark.main()
