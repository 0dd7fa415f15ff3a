"""Execute notebooks and store their outputs: what `make notebooks` runs.

    python tests/tools/store.py          every notebook that changed, or whose code in course_utils or versions changed
    python tests/tools/store.py 07 18    these
    python tests/tools/store.py --timing …   measure anew: replaces the stored outputs of cells tagged `timing` too

Refreshing writes the same bytes twice: cell ids stay, the metadata is the same everywhere, and the outputs of `timing` cells are
kept as they are stored. When a cell fails, the stored file stays as it is.
"""

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

from anatomy import METADATA

ROOT = Path(__file__).parents[2]
TIMEOUT = 600  # seconds for one cell
os.environ.setdefault("JAX_PLATFORMS", "cpu")  # stored outputs come from a CPU; the kernel inherits it


class CellFailed(Exception):
    """A cell raised, ran into the time limit, or took its kernel down."""


def normalize(notebook) -> None:
    """Leave in the notebook what its author wrote and what its cells printed, and nothing of where or when that was."""
    notebook.metadata = type(notebook.metadata)(METADATA)
    for cell in notebook.cells:
        for key in ("execution", "ExecuteTime", "collapsed", "scrolled", "editable", "trusted"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = merge_streams(cell.outputs)


def merge_streams(outputs):
    """Join what was printed in pieces: how many pieces there are depends on the load of the machine."""
    merged = []
    for output in outputs:
        if merged and output.output_type == "stream" and (merged[-1].get("name") == output.name):
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def store(path: Path, timing: bool = False) -> None:
    """Execute the notebook at ``path`` from top to bottom and write its outputs back.

    Raises:
        CellFailed: naming the notebook, the cell and the error; the file is then left as it was.
    """
    import nbformat  # imported here, for these take seconds, and often there is nothing to do
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager
    from tqdm import tqdm

    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    kept = {} if timing else {cell.id: cell.outputs for cell in code if is_timing(cell) and cell.outputs}
    progress = tqdm(total=len(code), desc=path.stem, unit="cell", leave=False, disable=None)
    running = None

    def started(cell, cell_index):
        nonlocal running
        running = cell

    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager()),
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        timeout=TIMEOUT,
        record_timing=False,
        store_widget_state=False,
        on_cell_start=started,
        on_cell_executed=lambda **_: progress.update(),
    )
    try:
        client.execute()
    except Exception as error:  # whatever nbclient or the kernel came to: say where
        where = f"{path.name}, cell {running.id}" if running else path.name
        raise CellFailed(f"{where}: {error}\nThe stored notebook is as it was.") from error
    finally:
        progress.close()
    for cell in code:
        cell.outputs = kept.get(cell.id, cell.outputs)
    normalize(notebook)
    nbformat.validate(notebook)
    new = path.with_suffix(".new")
    nbformat.write(notebook, new)
    os.replace(new, path)


def is_timing(cell) -> bool:
    return "timing" in cell.metadata.get("tags", [])


def stamp(path: Path) -> str:
    """A hash of all that the stored outputs depend on, themselves included."""
    digest = hashlib.sha256(path.read_bytes())
    for source in sorted([*ROOT.glob("course_utils/**/*.py"), *ROOT.glob("course_utils/data/*.csv")]):
        digest.update(source.read_bytes())
    versions = [f"{name} {version(name)}" for name in ("jax", "jaxlib", "flax", "optax", "numpy", "matplotlib", "scikit-learn")]
    digest.update(json.dumps([platform.python_version(), *versions]).encode())
    return digest.hexdigest()


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description="Execute notebooks and store their outputs.")
    parser.add_argument("notebooks", nargs="*", metavar="NN", help="numbers of notebooks (all by default)")
    parser.add_argument("--timing", action="store_true", help="measure the cells tagged `timing` anew")
    options = parser.parse_args(arguments)
    paths = sorted(ROOT.glob("notebooks/*.ipynb"))
    chosen = [path for path in paths if not options.notebooks or path.name.partition("_")[0] in options.notebooks]
    missing = set(options.notebooks) - {path.name.partition("_")[0] for path in chosen}
    if missing:
        parser.error(f"no notebook {', '.join(sorted(missing))}; there are {', '.join(path.name[:2] for path in paths)}")
    stamps = ROOT / "build" / "stored"
    stamps.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path in chosen:
        seal = stamps / path.stem
        if not options.timing and seal.exists() and seal.read_text() == stamp(path):
            print(f"unchanged  {path.stem}")
            continue
        start = time.perf_counter()
        try:
            store(path, options.timing)
        except CellFailed as error:
            failed += 1
            print(f"FAILED     {error}", file=sys.stderr)
            continue
        seal.write_text(stamp(path))
        print(f"{time.perf_counter() - start:7.1f} s  {path.stem}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
