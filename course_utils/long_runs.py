"""Long runs that outlive a kill: one result after the other, kept with orbax as they come."""

import hashlib
import importlib
import os
import re
import time
from collections.abc import Callable
from contextlib import nullcontext
from numbers import Real
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np


def run(compute: Callable, items, folder, *, name: str = "", save_every: float = 10.0, label: str = "items", bar: bool = True):
    """``compute`` of each item, one after the other, the results so far being kept in ``folder``.

    After an interruption or a kill the same call goes on from the last checkpoint, to the same bits as a run without one. The
    first item is computed at every call: where it doesn't come to what the checkpoint holds, bit by bit, the call is refused.

    Args:
        compute: a function of one item. It gives a pytree of numbers and arrays, of the same shapes for every item.
        items: a pytree with leaves (n, …), such as a market of n spots and n volatilities; an item is entry ``i`` of each leaf.
        folder: where the newest two checkpoints are kept: a new folder, or that of an earlier run.
        name: of the task: what ``compute`` hangs on besides the item, such as ``repr(regressor)``.
        save_every: seconds between checkpoints, at the least: so much may be lost, and the item that was being computed.
        label: what the bar calls the items.
        bar: whether to show a bar with the time left, on stderr.

    Returns:
        The results stacked: the pytree that ``compute`` gives with NumPy arrays (n, …) as leaves.

    Raises:
        TypeError, ValueError: for bad input, and for a folder that holds a damaged checkpoint, another task's, or other things.
            Nothing has been computed then but the first item, and nothing written or deleted.
        ImportError: where orbax, or tqdm for the bar, isn't installed.
    """
    count = _checked(compute, items, folder, name, save_every, label, bar)
    ocp = _module("orbax.checkpoint", "pip install orbax-checkpoint")
    tqdm = _module("tqdm", "pip install tqdm, or go without: bar=False").tqdm if bar else None
    folder, task = Path(folder).expanduser().absolute(), _task(items, name)
    done, stored, results = _newest(folder, ocp)
    _check_same(folder, stored, task)
    options = ocp.CheckpointManagerOptions(max_to_keep=2, enable_async_checkpointing=False, cleanup_tmp_directories=True)
    with tqdm(total=count, initial=done, unit=" " + label) if bar else nullcontext() as shown:
        first, structure = _result(compute, items, 0)
        task |= {"structure of a result": _text(structure), "shapes of a result": _kinds(first), "first result": _digest(first)}
        _check_same(folder, stored, task)
        results = results or [np.zeros((count, *leaf.shape), leaf.dtype) for leaf in first]
        with ocp.CheckpointManager(folder, options=options) as manager:
            saved = time.monotonic()
            for number in range(done, count):
                leaves, its = _result(compute, items, number) if number else (first, structure)
                if its != structure or _kinds(leaves) != _kinds(first):
                    raise ValueError(f"compute gives {_kinds(leaves)} for item {number}; expected, as for item 0, {_kinds(first)}")
                for result, leaf in zip(results, leaves):
                    result[number] = leaf
                if bar:
                    shown.update()
                if time.monotonic() - saved >= save_every or number + 1 == count:
                    about = ocp.args.JsonSave(task | {"seal": _digest(results, task)})
                    manager.save(number + 1, args=ocp.args.Composite(results=ocp.args.PyTreeSave(results), about=about))
                    saved = time.monotonic()
    return structure.unflatten(results)


def _newest(folder: Path, ocp) -> tuple[int, dict, list[np.ndarray]]:
    """The newest checkpoint: how many results it holds, what it says of the task, and the results (n, …); else 0 and nothing."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"folder is {folder}, which is a file; expected a new folder, or that of an earlier run")
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    if others := [name for name in names if not re.fullmatch(r"\d+(\.orbax-checkpoint-tmp.*)?", name)]:
        raise ValueError(f"{folder} holds {others[0]!r}, which is no checkpoint; nothing was touched. Name a new folder")
    steps = sorted(int(name) for name in names if name.isdigit())
    if not steps:
        return 0, {}, []
    newest = folder / str(steps[-1])
    try:
        with ocp.CheckpointManager(folder, options=ocp.CheckpointManagerOptions(create=False)) as manager:
            wanted = ocp.args.Composite(results=ocp.args.PyTreeRestore(), about=ocp.args.JsonRestore())
            state = manager.restore(steps[-1], args=wanted)
        results = [np.array(leaf) for leaf in state.results]
        if state.about.pop("seal") != _digest(results, state.about):
            raise ValueError("what it holds isn't what was stored")
        return steps[-1], state.about, results
    except Exception as error:  # orbax has many, for files that are cut short, changed or missing
        earlier = f"delete {newest} to go on from {steps[-2]}, or " if len(steps) > 1 else ""
        raise ValueError(
            f"the checkpoint {newest} is damaged, or no such run has made it; nothing was touched. If it is yours, {earlier}"
            f"delete {folder} to start over; else name another folder. ({type(error).__name__}: {str(error)[:300]})"
        ) from error


def _check_same(folder: Path, stored: dict, task: dict) -> None:
    """Refuse to go on with another task than the stored one, or with another ``compute``: ``ValueError``."""
    if differ := [f"{key}, {stored.get(key)!r} there and {task[key]!r} here" for key in task if stored and stored.get(key) != task[key]]:
        raise ValueError(
            f"{folder} holds another task, or was made by another machine. What differs: {'; '.join(differ)}. "
            "Nothing was touched; name another folder, or delete this one to start over"
        )


def _task(items, name: str) -> dict:
    """What tells one task from another, as far as ``items`` and ``name`` say."""
    leaves, structure = jax.tree.flatten(items)
    plain = [jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf for leaf in leaves]
    return {
        "name": name,
        "structure of the items": _text(structure),
        "shapes of the items": _kinds(leaves),
        "numbers of the items": _digest([np.asarray(leaf) for leaf in plain]),
        "jax": jax.__version__,
    }


def _result(compute, items, number: int):
    """The leaves of one result, as NumPy arrays, and its structure."""
    leaves, structure = jax.tree.flatten(compute(jax.tree.map(lambda leaf: leaf[number], items)))
    try:
        arrays = [np.asarray(leaf) for leaf in leaves]
    except TypeError:  # a key
        arrays = [np.asarray(None)]
    if not arrays or any(array.dtype.kind in "OSU" or not array.size for array in arrays):
        raise TypeError(f"compute gives {leaves} for item {number}; expected numbers and arrays of numbers, none of them empty")
    return arrays, structure


def _text(structure) -> str:
    """A pytree's structure in words, without the addresses of functions in it, which are others in each process."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(structure))


def _kinds(leaves) -> str:
    """Dtypes and shapes: ``float32[100], int32[100,3]``."""
    return ", ".join(f"{leaf.dtype}[{','.join(map(str, leaf.shape))}]" for leaf in leaves)


def _digest(arrays, task=()) -> str:
    """Letters and digits that tell these arrays (and task), bit by bit, from any others."""
    text = _kinds(arrays) + repr(sorted(dict(task).items()))
    return hashlib.sha256(b"".join([text.encode(), *(array.tobytes() for array in arrays)])).hexdigest()[:16]


def _module(name: str, get: str):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"long_runs.run needs {name}, which isn't installed: {get}") from error


def _checked(compute, items, folder, name, save_every, label, bar) -> int:
    """How many items there are, after all arguments were found good."""
    if not callable(compute):
        raise TypeError(f"compute is {compute!r}; expected a function of one item")
    leaves = jax.tree_util.tree_leaves_with_path(items)
    if not leaves:
        raise ValueError(f"items is {items!r}, which has no leaves; expected a pytree of arrays (n, …)")
    for path, leaf in leaves:
        where = "items" + jax.tree_util.keystr(path)
        if not isinstance(leaf, jax.Array | np.ndarray) or leaf.dtype.name.startswith(("object", "str", "bytes")):
            raise TypeError(f"{where} is {leaf!r}; expected an array of numbers (n, …), such as jnp.array([36.0, 40.0])")
        if not leaf.shape or leaf.shape[0] != np.shape(leaves[0][1])[0] or not leaf.shape[0]:
            raise ValueError(f"{where} has shape {leaf.shape}; expected (n, …) with the same n > 0 for all leaves")
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"folder is {folder!r}; expected a path, such as 'build/book'")
    for argument, text in (("name", name), ("label", label)):
        if not isinstance(text, str):
            raise TypeError(f"{argument} is {text!r}; expected a text")
    if isinstance(save_every, bool) or not isinstance(save_every, Real):
        raise TypeError(f"save_every is {save_every!r}; expected a number of seconds")
    if not save_every >= 0:
        raise ValueError(f"save_every is {save_every}; expected a number of seconds, 0 or more")
    if not isinstance(bar, bool):
        raise TypeError(f"bar is {bar!r}; expected True or False")
    if jax.process_count() > 1:
        raise ValueError(f"long_runs.run works in one process, and {jax.process_count()} are joined; call it in a program that runs alone")
    return leaves[0][1].shape[0]
