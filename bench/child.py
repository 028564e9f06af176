"""One measured call in a process of its own: ``python -m bench.child MODULE:FUNCTION DATA``.

The function is given the directory of the generated data and a scratch directory, gets ready and
gives back the call to measure, which gives the rows it worked on. What is printed last is a
:class:`~bench.race.Run` as JSON.
"""

from __future__ import annotations

import gc
import importlib
import json
import resource
import sys
import tempfile
import time
from pathlib import Path


def measure(name: str, data: Path) -> dict[str, float]:
    """Measure one call; what it imports and gets ready is not counted."""
    module, function = name.split(":")
    get_ready = getattr(importlib.import_module(module), function)
    with tempfile.TemporaryDirectory(dir=data, prefix="scratch-") as scratch:
        call = get_ready(data, Path(scratch))
        gc.collect()
        started, used = time.perf_counter(), time.process_time()
        rows = call()
        seconds, cpu = time.perf_counter() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # The kernel counts in KiB, Darwin's in bytes.
    peak_mb = peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
    return {"seconds": seconds, "rows": rows, "peak_mb": peak_mb, "cpu_seconds": cpu}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
