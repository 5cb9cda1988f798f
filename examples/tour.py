"""Run the examples on the digits, print their tables and save their figures.

The examples are the files plot_*.py in this folder. Each can also be run on its own.
"""

import argparse
import contextlib
import functools
import io
import multiprocessing
import os
from pathlib import Path
import runpy
import time
import warnings

TOUR = [
    "plot_digits",
    "plot_training",
    "plot_code_2d",
    "plot_textbook",
    "plot_denoising",
    "plot_sparse_code",
    "plot_anomalies",
    "plot_distortion",
    "plot_interpolation",
    "plot_traversal",
]
FURTHER = [
    "plot_variational",
    "plot_nested",
    "plot_grid_search",
    "plot_pca_in_one_grid",
    "plot_swap_pca",
    "plot_isolation_forest",
    "plot_select",
    "plot_transactions",
    "plot_tables",
    "plot_missing",
    "plot_out_of_core",
    "plot_callbacks",
]


def parse_arguments():
    """Return the output folder and the names of the examples to run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("tour"),
        metavar="FOLDER",
        help="folder for the figures, created if missing (default: %(default)s)",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="also run the examples on grid searches, outliers, tables and callbacks; needs pandas",
    )
    arguments = parser.parse_args()
    return arguments.output, TOUR + FURTHER if arguments.all else TOUR


def run(name, folder):
    """Run an example and save its figures; return output, number of figures and seconds."""
    import matplotlib.pyplot as plt  # imported after the environment has set the number of threads

    warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")
    warnings.filterwarnings("ignore", "Loky-backed parallel loops cannot be called")
    start, printed = time.perf_counter(), io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(Path(__file__).with_name(f"{name}.py")), run_name="__main__")
    numbers = plt.get_fignums()
    for number in numbers:
        plt.figure(number).savefig(folder / f"{name}_{number}.png")
    plt.close("all")
    return printed.getvalue(), len(numbers), time.perf_counter() - start


def main():
    """Run two examples at a time, with one thread each, and print their output in order."""
    folder, names = parse_arguments()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    start, n_figures = time.perf_counter(), 0
    with multiprocessing.Pool(2) as pool:
        results = pool.imap(functools.partial(run, folder=folder), names)
        for i, name in enumerate(names, start=1):
            title = Path(__file__).with_name(f"{name}.py").read_text("utf-8").splitlines()[2]
            print(f"[{i}/{len(names)}] {title} ({name}.py)", flush=True)
            printed, n_new, seconds = next(results)
            n_figures += n_new
            print(printed, end="")
            print(f"    {seconds:.1f} s\n", flush=True)
    print(f"{time.perf_counter() - start:.0f} s, {n_figures} figures in {folder.resolve()}")


if __name__ == "__main__":
    main()
