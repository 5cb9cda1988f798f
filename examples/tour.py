"""Take the tour: run the examples on the digits, print their tables, save their figures.

The examples are the plot_*.py beside this file; each runs on its own as well.
"""

import argparse
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
]
FURTHER = [
    "plot_grid_search",
    "plot_pca_in_one_grid",
    "plot_isolation_forest",
    "plot_out_of_core",
]


def parse_arguments():
    """Return the folder for the figures and the names of the examples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("tour"),
        metavar="FOLDER",
        help="where the figures go; made if it is missing (default: %(default)s)",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="go on to the examples with pipelines, grids, outliers and chunks of rows",
    )
    arguments = parser.parse_args()
    return arguments.output, TOUR + FURTHER if arguments.all else TOUR


def run(name, folder):
    """Run an example, save its figures in the folder, and return how many there are."""
    import matplotlib.pyplot as plt  # not before the number of threads is set

    runpy.run_path(str(Path(__file__).with_name(f"{name}.py")), run_name="__main__")
    numbers = plt.get_fignums()
    for number in numbers:
        plt.figure(number).savefig(folder / f"{name}_{number}.png")
    plt.close("all")
    return len(numbers)


def main():
    """Run the examples one after another."""
    folder, names = parse_arguments()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["MPLBACKEND"] = "Agg"
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # two fits at a time use two cores better
    warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")
    start, n_figures = time.perf_counter(), 0
    for i, name in enumerate(names, start=1):
        title = Path(__file__).with_name(f"{name}.py").read_text("utf-8").splitlines()[2]
        print(f"[{i}/{len(names)}] {title}", flush=True)
        begin = time.perf_counter()
        n_figures += run(name, folder)
        print(f"    {name}.py: {time.perf_counter() - begin:.1f} s\n", flush=True)
    print(f"{time.perf_counter() - start:.0f} s, {n_figures} figures in {folder.resolve()}")


if __name__ == "__main__":
    main()
