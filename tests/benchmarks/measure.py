"""How the tables measure, and what this machine can do at best.

``jax.block_until_ready`` waits for JAX, which returns before it has computed; on what other libraries return it does nothing.
"""

import statistics
import time
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Timed(NamedTuple):
    """Seconds of a first call and of the calls after it, and what these calls returned, one for each seed."""

    cold: float
    warm: list[float]
    values: list[float]

    @property
    def seconds(self) -> float:
        return statistics.median(self.warm)


def seconds_of(function, *arguments):
    """Seconds that one call takes, and its result."""
    start = time.perf_counter()
    result = jax.block_until_ready(function(*arguments))
    return time.perf_counter() - start, result


def timed(function, seeds: int) -> Timed:
    """``function(seed) -> price``: called once cold, then warm with each of ``seeds`` other seeds."""
    cold, _ = seconds_of(function, 0)
    warm, values = zip(*(seconds_of(function, seed) for seed in range(1, seeds + 1)))
    return Timed(cold, list(warm), [float(value) for value in values])


def medians_in_turn(*functions, rounds: int) -> list[float]:
    """Seconds of each of ``functions``: medians over rounds in which all have their turn, so that a machine that slows down slows
    all of them down.
    """
    for function in functions:
        seconds_of(function)
    return [statistics.median(column) for column in zip(*([seconds_of(function)[0] for function in functions] for _ in range(rounds)))]


def again(function, times: int):
    """A function that calls ``function`` so many times, each when the one before has ended."""

    def calls():
        for _ in range(times):
            result = jax.block_until_ready(function())
        return result

    return calls


def matmul(*shape: int):
    """A compiled product (…, rows, inner) @ (…, inner, columns) of float32, and its operations; ``shape`` is (…, rows, inner, columns)."""
    *stack, rows, inner, columns = shape
    left, right = jnp.ones((*stack, rows, inner)), jnp.ones((*stack, inner, columns))
    return partial(jax.jit(jnp.matmul), left, right), 2 * left.size * columns


def products(times: int, stack: int, rows: int, width: int):
    """A compiled loop of so many products (stack, rows, width) @ (stack, width, width), each of the one before, and the operations of one."""
    left, right = jnp.ones((stack, rows, width)), jnp.broadcast_to(jnp.eye(width), (stack, width, width))
    loop = jax.jit(lambda left, right: jax.lax.fori_loop(0, times, lambda _, product: product @ right, left))
    return partial(loop, left, right), 2 * left.size * width


def normals(count: int):
    """A compiled draw of so many normal numbers, by the generator that the pricer uses."""
    return partial(jax.jit(lambda key: jax.random.normal(key, (count,))), jax.random.key(0))


def error(values, reference: float) -> str:
    """How far the mean of ``values`` is from ``reference``, with its standard error, as text in percent."""
    spread = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{100 * (statistics.mean(values) / reference - 1):+.3f} ± {100 * spread / reference:.3f}"


def table(header: list[str], rows: list[list]) -> str:
    """Markdown: the first column is text, the others are numbers, three digits of each float."""
    digits = lambda number: f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
    text = [[cell if isinstance(cell, str) else digits(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [header, *text]) for i in range(len(header))]
    rule = [":" + "-" * (widths[0] - 1)] + ["-" * (width - 1) + ":" for width in widths[1:]]
    line = lambda row: "| " + " | ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]) + " |"
    return "\n".join(line(row) for row in [header, rule, *text])


def comparison(results: dict, reference: float, ours: list[str]) -> str:
    """A table of ``results``, name -> ``Timed`` or a line that says why there is none; ratios to the rows named ``ours``."""
    rows, absent = [], []
    for name, result in results.items():
        if isinstance(result, str):
            absent.append(f"{name}: {result}")
            continue
        spread = f"{min(result.warm):.2f}–{max(result.warm):.2f}"
        ratios = [f"{result.seconds / results[one].seconds:.2f}" for one in ours]
        rows.append([name, f"{result.cold:.2f}", f"{result.seconds:.2f}", spread, error(result.values, reference), *ratios])
    header = ["", "cold, s", "warm median, s", "spread, s", "error of the mean, %", *(f"× {one}" for one in ours)]
    return "\n\n".join([table(header, rows), *absent])
