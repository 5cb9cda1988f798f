"""Run a benchmark and keep its figures, with how they were made, for the page on performance.

    python docs/benchmarks/record.py speed -- tests/benchmarks/bench_speed.py --rounds 5

writes docs/benchmarks/speed.json. Without a script the command that the file holds is repeated:

    python docs/benchmarks/record.py speed

A file has what the script wrote, the command with the settings of threads that the environment had,
the versions, the machine and how busy that was. The page shows every such file that is there.
"""

import argparse
from datetime import UTC, datetime
from importlib.metadata import version
import json
import os
from pathlib import Path
import platform
import shlex
import subprocess
import sys
from tempfile import TemporaryDirectory

FOLDER = Path(__file__).parent
OUTPUT_OPTIONS = {"bench_speed.py": "--json"}
SETTINGS = "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "PYTHON_GIL"


def processor():
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def rounded(found):
    """What a script wrote, with five digits of each number."""
    if isinstance(found, dict):
        return {key: rounded(value) for key, value in found.items()}
    if isinstance(found, list):
        return [rounded(value) for value in found]
    return float(f"{found:.5g}") if isinstance(found, float) else found


def record(script, arguments):
    """Run the script; return its results and the circumstances."""
    busy = os.getloadavg()[0]
    settings = [f"{name}={os.environ[name]}" for name in SETTINGS if name in os.environ]
    with TemporaryDirectory() as folder:
        output = Path(folder, "results.json")
        option = OUTPUT_OPTIONS.get(Path(script).name, "--output")
        command = [sys.executable, script, *arguments, option, str(output)]
        subprocess.run(command, check=True)
        results = rounded(json.loads(output.read_text(encoding="utf-8")))
    return {
        "script": Path(script).name,
        "command": " ".join([*settings, shlex.join(["python", script, *arguments])]),
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "scipy", "scikit-learn")},
        "processor": processor(),
        "n_cores": os.cpu_count(),
        "load": round(busy, 1),
        "results": results,
    }


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="the file to write is NAME.json")
    parser.add_argument("script", nargs="?", help="a script of tests/benchmarks, after --")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="and its arguments")
    options = parser.parse_args()
    path = FOLDER / f"{options.name}.json"
    command = [options.script, *options.arguments]
    if options.script is None:
        kept = json.loads(path.read_text(encoding="utf-8"))["command"]
        command = shlex.split(kept)
        command = command[command.index("python") + 1 :]
    found = record(command[0], command[1:])
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
