"""LiteRT's own benchmark tool with its digits kept, one thread: `litert_tool.py FILE RUNS WARMUP`.

The tool is `ai_edge_litert.tools.benchmark_litert_model` from the wheel. It rounds what it reports to 0.01 ms, as much
as a whole inference of a small model; that rounding is taken away here and nothing else: loading, inputs, loop and
median are the tool's. Prints, last, one JSON line with that median in milliseconds.
"""

from __future__ import annotations

import json
import sys

from ai_edge_litert.tools import benchmark_litert_model as tool


def main() -> None:
    path, runs, warmup = sys.argv[1:]
    tool.round = lambda value, digits: value
    sys.argv = [sys.argv[0], "--model", path, "--num_runs", runs, "--warmup_runs", warmup, "--num_threads", "1"]
    latency = tool.run_benchmark(tool.parse_args())["latency"]
    if latency["num_runs"] != int(runs):
        sys.exit(f"the tool made {latency['num_runs']} runs, {runs} were asked for")
    print(json.dumps({"p50_ms": latency["median_ms"]}))


if __name__ == "__main__":
    main()
