"""The pricer's speed beside its peers' on the same work, on this machine: `make bench` runs it and stores results.md.

Every table says what it measures. A time is the median of some calls with different seeds, after a first, cold one in which
JAX compiles; a price's error is that of the mean over these seeds. Peers that aren't installed are left out, with a line that
says so.
"""

import argparse
import importlib
import math
import os
import platform
import statistics
import time
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cost
import jax
import joint
import measure
import numpy_lsm
from course_utils import lsmc, payoffs, reference, regressors, simulate

HERE = Path(__file__).parent
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")  # where Linux describes them; elsewhere the table does without


@dataclass(frozen=True)
class Sizes:
    """How much of everything: what the stored tables have, or next to nothing, to see that the program runs."""

    paths: int = 100_000
    fit_paths: int | None = None  # the default of lsmc.price
    many_paths: int = 4 * regressors.ENOUGH  # for an error of a thousandth with three assets
    seeds: int = 10
    slow_seeds: int = 5  # for what takes several seconds
    dates: int = 50
    joint_steps: int = 500
    batches: tuple[int, ...] = (128, 256, 512, 4096)
    pieces: tuple[int, ...] = (8, 32)  # micro-batches of the largest
    descents: int = 20
    rounds: int = 21
    matmul: int = 1500
    normals: int = 10_000_000
    torch_steps: int = 220  # the network's 20 for each of 11 inputs
    by_dates: tuple[int, ...] = (10, 50, 200)
    by_paths: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    streamed: tuple[int, ...] = (1_000_000, 10_000_000)  # paths to price on alone
    by_assets: tuple[int, ...] = (1, 5, 50, 500)
    by_assets_paths: int = 20_000


QUICK = Sizes(paths=2_000, fit_paths=1_000, many_paths=2_000, seeds=2, slow_seeds=2, dates=5, joint_steps=5, batches=(64, 128), pieces=(2,), descents=2,
              rounds=2, matmul=200, normals=100_000, torch_steps=5, by_dates=(5, 10), by_paths=(2_000, 4_000), streamed=(2_000, 4_000), by_assets=(1, 2), by_assets_paths=1_000)  # fmt: skip


def row_of(table: str, **wanted: float) -> dict:
    """The row of a reference table in which these columns have these values."""
    return next(row for row in reference.table(table) if all(row[column] == value for column, value in wanted.items()))


def peer(name: str, installed_as: str):
    """The module of a peer, or a line that says what is missing."""
    try:
        return importlib.import_module(name), None
    except ModuleNotFoundError as missing:
        if missing.name != installed_as:
            raise
        return None, f"{installed_as} is not installed here"


def learned_from(sizes: Sizes, assets: int = 1) -> int:
    """Paths that ours learn from."""
    return sizes.fit_paths or lsmc.default_fit_paths(assets)


def ours(market, option, regressor, sizes, fit_paths=None):
    """seed -> price, by the call that the course teaches."""
    paths = dict(fit_paths=fit_paths or sizes.fit_paths, price_paths=sizes.paths)
    return lambda seed: lsmc.price(market, option, key=jax.random.key(seed), regressor=regressor, **paths).lower


def the_machine(sizes: Sizes) -> str:
    """## Machine"""
    device = jax.devices()[0]
    names = {"jax": "jax", "jaxlib": "jaxlib", "numpy": "NumPy", "quantlib": "QuantLib", "torch": "PyTorch"}
    versions = [f"Python {platform.python_version()}"]
    for package, name in names.items():
        try:
            versions.append(f"{name} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"no {name}")
    caches = [tuple((folder / what).read_text().strip() for what in ("level", "type", "size")) for folder in sorted(CACHES.glob("index*"))]
    cache = "".join(f" · L{level} cache {size}" for level, kind, size in caches if kind == "Unified")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    accelerator = "No accelerator was to be had" if device.platform == "cpu" else f"The accelerator is {device.device_kind}"
    return f"{platform.machine()}, {cores} cores{cache} · {' · '.join(versions)} · jax computes on {device.platform}. {accelerator}."


def longstaff_schwartz(sizes: Sizes) -> str:
    """## Longstaff–Schwartz: one put, 50 dates"""
    expected = row_of("longstaff_schwartz_2001_table1", spot=36, volatility=0.2, maturity=1)["bermudan"]
    market, option = simulate.BlackScholes(36.0, 0.2, 0.06), lsmc.Bermudan(payoffs.put(40.0), 1.0, sizes.dates)
    results = {}
    for regressor in (regressors.Network(), regressors.Polynomial(), regressors.RandomFeatures()):
        results[type(regressor).__name__] = measure.timed(ours(market, option, regressor, sizes), sizes.seeds)
    for regressor in (regressors.Network(refit_paths=sizes.paths), regressors.Polynomial(refit_paths=sizes.paths)):
        more = ours(market, option, regressor, sizes, fit_paths=sizes.paths)
        results[f"{type(regressor).__name__}, learning from all"] = measure.timed(more, sizes.seeds)
    quantlib, missing = peer("quantlib_engines", "QuantLib")
    put = lambda **engine: lambda seed: quantlib.put(36.0, 40.0, 0.2, 0.06, 1, sizes.dates, sizes.paths, seed, **engine)
    settings = {"defaults": {}, "order 3": {"polynomOrder": 3},
                "order 3, all paths calibrate": {"polynomOrder": 3, "nCalibrationSamples": sizes.paths}}  # fmt: skip
    for name, engine in settings.items():
        results[f"QuantLib, {name}"] = missing or measure.timed(put(**engine), sizes.seeds)
    plain = lambda seed: numpy_lsm.price(36.0, 40.0, 0.2, 0.06, 1.0, sizes.dates, sizes.paths, seed)[0]
    results["NumPy, degree 4"] = measure.timed(plain, sizes.seeds)
    times = lambda ours: f"{results['QuantLib, order 3, all paths calibrate'].seconds / results[ours].seconds:.1f}"
    goals = missing or (
        f"Beside QuantLib with order 3, where all paths calibrate, the network is {times('Network')} times as fast (the goal: 4) and the "
        f"polynomial {times('Polynomial')} times (the goal: 20), both learning from fewer paths. Where they learn from all too, it is "
        f"{times('Network, learning from all')} and {times('Polynomial, learning from all')} times."
    )
    return "\n\n".join([
        f"A put on one asset: spot 36, strike 40, volatility .2, rate .06, one year, {sizes.dates} dates; with 50 dates it is worth "
        f"{expected}. {sizes.paths:,} paths to price on. Ours learn from {learned_from(sizes):,} others, the default; "
        "QuantLib from 2,048; those that say all, and NumPy, from as many as they price on, and their least squares sees all of these.",
        measure.comparison(results, expected, ["Network", "Polynomial"]),
        goals,
        "The three regressors use antithetic pairs and two control variates, which is why their prices scatter less. QuantLib and "
        "NumPy compute in float64, QuantLib on one core.",
    ])  # fmt: skip


def max_call(sizes: Sizes) -> str:
    """## Max-call: five assets, nine dates"""
    row = row_of("becker_cheridito_jentzen_2019_max_call", assets=5, spot=100)
    market, option = simulate.BlackScholes([100.0] * 5, 0.2, 0.05, 0.10), lsmc.Bermudan(payoffs.max_call(100.0), 3.0, 9)
    terms = (5, 100.0, 100.0, 0.2, 0.05, 0.10, 3, 9, sizes.paths)
    results = {"Network": measure.timed(ours(market, option, regressors.Network(), sizes), sizes.seeds)}
    quantlib, missing = peer("quantlib_engines", "QuantLib")
    for name, engine in {"defaults": {}, "all paths calibrate": {"nCalibrationSamples": sizes.paths}}.items():
        quantlib_price = lambda seed: quantlib.max_call(*terms, seed, **engine)
        results[f"QuantLib, {name}"] = missing or measure.timed(quantlib_price, sizes.slow_seeds)
    networks, missing = peer("torch_networks", "torch")
    torch_price = lambda seed: networks.max_call(*terms, seed, first_steps=8 * sizes.torch_steps, steps=sizes.torch_steps)
    results["PyTorch, one network per date"] = missing or measure.timed(torch_price, sizes.seeds)
    return "\n\n".join([
        "A call on the dearest of five independent assets: spots and strike 100, volatility .2, rate .05, dividends .10, three years. "
        f"Worth {row['point']}; published 95% interval {row['ci_low']} to {row['ci_high']}. {sizes.paths:,} paths to "
        f"price on; ours learns from {learned_from(sizes, 5):,}, the default, PyTorch from {sizes.paths:,}.",
        measure.comparison(results, row["point"], ["Network"]),
        "QuantLib's basket engine takes an American or a Bermudan exercise, and allows either at each of its time steps, time 0 "
        "excluded: nine steps are the nine dates. It keeps 2,048 calibration paths unless told otherwise, and its default order is 2. "
        f"PyTorch runs as one writes it, not compiled, with about as many steps of Adam as ours: {8 * sizes.torch_steps:,} for the first "
        f"network, {sizes.torch_steps} for each other. It has neither antithetic pairs nor the least squares of the last layer.",
    ])  # fmt: skip


def joint_recipe(sizes: Sizes) -> str:
    """## The classic joint recipe: time to 0.1%"""
    expected, steps = joint.exact(), sizes.joint_steps
    keys = jax.random.split(jax.random.key(0), (1 + sizes.slow_seeds, 3))  # to start from, to train and to price with
    train = lambda key: measure.seconds_of(joint.train, joint.init(key[0]), key[1], steps)
    (_, *seconds), trained = zip(*map(train, keys))  # the first compiles
    training = statistics.median(seconds)
    prices = [float(joint.price(params, key[2], sizes.paths // 5)) for params, key in zip(trained, keys)]
    mine = measure.timed(ours(joint.market, joint.option, regressors.Network(), sizes), sizes.seeds)
    cubic = regressors.Polynomial(3, refit_paths=sizes.many_paths)  # of the regressors the quickest to an error of a thousandth
    careful = measure.timed(ours(joint.market, joint.option, cubic, sizes, fit_paths=sizes.many_paths), sizes.seeds)
    many = f"a cubic polynomial, {sizes.many_paths:,} paths to learn from"
    rows = [
        [f"the recipe, {steps} steps", training, measure.error(prices, expected)],
        ["the recipe, 10,000 steps, extrapolated", training * 10_000 / steps, "about -4 (notebook 18)"],
        ["lsmc.price, cold", mine.cold, measure.error(mine.values, expected)],
        ["lsmc.price, warm", mine.seconds, measure.error(mine.values, expected)],
        [f"{many}, cold", careful.cold, measure.error(careful.values, expected)],
        [f"{many}, warm", careful.seconds, measure.error(careful.values, expected)],
    ]
    longer = training * 10_000 / steps / careful.seconds
    return "\n\n".join([
        f"Notebook 18's option, a put on the geometric mean of three assets with 50 dates; worth {expected:.4f}. The recipe trains "
        "49 networks together: raw prices, Adam with rate 1e-4, batches of 512.",
        measure.table(["", "seconds", "error of the mean, %"], rows),
        f"10,000 steps of the recipe would take {longer:.0f} times as long as the last row, and end some 4% low: it doesn't come to 0.1%. "
        "Only their time is extrapolated.",
    ])  # fmt: skip


def slope(points, part) -> float:
    """Of ``part`` on log axes, between the two largest sizes."""
    (small, before), (large, after) = points[-2:]
    return math.log(after[part] / before[part]) / math.log(large / small)


def costs(sizes: Sizes, output: Path) -> str:
    """## Cost against dates, paths and assets"""
    put = lambda dates, paths: cost.once(dates=dates, paths=paths, assets=1)
    fewer = dict(dates=9, paths=sizes.by_assets_paths, max_call=True, steps_per_input=2)
    axes = {
        "dates": [(n, put(n, sizes.paths)) for n in sizes.by_dates],
        "paths": [(n, put(sizes.dates, n)) for n in sizes.by_paths],
        "assets": [(n, cost.once(assets=n, **fewer)) for n in sizes.by_assets],
    }
    streamed = [(n, cost.once(dates=sizes.dates, paths=n, assets=1, fit_paths=learned_from(sizes))) for n in sizes.streamed]
    rows, slopes = [], []
    for name, points in (axes | {"priced on": streamed}).items():
        for size, found in points:
            times = [f"{found[part]:.2f}" for part in ("compile", "fit", "evaluate")]
            rows.append([f"{name}: {size:,}", *times, f"{found['peak']:,.0f}"])
        slopes.append([name, *(f"{slope(points, part):.2f}" for part in ("compile", "fit", "evaluate", "peak"))])
    cost.picture(axes, output.with_suffix(".png"))
    ends = [f"{name} from {points[0][0]:,} to {points[-1][0]:,}: slope {row[2]}" for row, (name, points) in zip(slopes, axes.items())]
    alt = f"Seconds to fit, evaluate and compile, and below them peak memory, on log axes. Seconds to fit against {'; '.join(ends)}."
    before = statistics.median(found["before"] for points in axes.values() for _, found in points)
    return "\n\n".join([
        f"The network. Dates: the put above, {sizes.paths:,} paths. Paths: the same put, {sizes.dates} dates, so many paths to learn "
        f"from and as many to price on. Priced on: again the put, learning from {learned_from(sizes):,} paths, so that only `evaluate` "
        f"grows, which streams them in blocks. Assets: the max-call above, {sizes.by_assets_paths:,} paths, 2 steps of Adam an input "
        f"instead of {regressors.Network().steps_per_input}. Each in a process of its own, one call after compiling; peak memory is the "
        f"whole process's, of which some {before:.0f} MiB are Python, jax and the compiler before the first path.",
        measure.table(["", "compile, s", "fit, s", "evaluate, s", "peak, MiB"], rows),
        "Slopes on log axes between the two largest sizes: 1 is linear, 0 constant. Below 1 is the time to fit against paths, since the "
        "steps of Adam and the rows of the least squares don't grow with them. The goal for a million paths is 2,048 MiB.",
        measure.table(["slope in", "compile", "fit", "evaluate", "peak"], slopes),
        f"![{alt}]({output.with_suffix('.png').name})",
    ])  # fmt: skip


def compiling(sizes: Sizes) -> str:
    """## Compiling, and the cache between processes"""
    work = {"dates": sizes.dates, "paths": sizes.paths, "assets": 1, "fit_paths": learned_from(sizes)}
    alone = sorted(cost.in_a_process(**work)["compile"] for _ in range(sizes.slow_seeds))
    first, second = cost.compiled_twice(**work)
    rows = [
        ["without the cache, median and spread", f"{statistics.median(alone):.2f} ({alone[0]:.2f}–{alone[-1]:.2f})"],
        ["a first process, which fills it", f"{first:.2f}"],
        ["a second process", f"{second:.2f}"],
    ]
    return "\n\n".join([
        "Seconds to trace and compile `fit` and `evaluate` with the network, for the put above, each in a process of its own. It "
        f"learns from {learned_from(sizes):,} paths, as in the first table. The goal is under 3 s. The cache is jax's own, on disk: "
        "`JAX_COMPILATION_CACHE_DIR=folder`, and `JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0`, since unless told jax keeps only "
        "what took a second. Some 0.2 s of each are the import of SciPy, which jaxlib does before its first factorization.",
        measure.table(["", "compile, s"], rows),
    ])  # fmt: skip


def joint_training(sizes: Sizes) -> str:
    """## Joint training beside the matrix products that it consists of"""
    params, rows, largest = joint.init(jax.random.key(0)), [], sizes.batches[-1]
    in_pieces = lambda batch, pieces: f"batch {batch}" + (f" in {pieces} micro-batches" if pieces > 1 else "")
    for batch, pieces in [*((batch, 1) for batch in sizes.batches), *((largest, pieces) for pieces in sizes.pieces)]:
        data = joint.sample(jax.random.key(1), batch)
        products, operations = measure.products(sizes.descents, joint.DATES - 1, batch, 64)
        transposed, _ = measure.matmul(joint.DATES - 1, 64, batch, 64)
        descend = partial(joint.descend, params, *data, steps=sizes.descents, pieces=pieces)
        seconds = measure.medians_in_turn(descend, products, measure.again(transposed, sizes.descents), rounds=sizes.rounds)
        step, forward, kernels = (second / sizes.descents for second in seconds)
        rate, reached = joint.operations(batch) / step / 1e9, operations / forward / 1e9
        activations = 2 * 4 * (joint.DATES - 1) * (batch // pieces) * 64 / 2**20
        shares = [f"{100 * share:.0f}%" for share in (rate / reached, forward / kernels)]
        rows.append([in_pieces(batch, pieces), activations, 1e3 * step, rate, reached, *shares])
    calls = [(largest // sizes.pieces[0], 1), *((largest, pieces) for pieces in (1, *sizes.pieces))]
    gradients = [partial(joint.gradient, params, *joint.sample(jax.random.key(1), batch), pieces=n) for batch, n in calls]
    seconds = measure.medians_in_turn(*gradients, rounds=sizes.rounds)
    called = [[in_pieces(*call), 1e3 * each, 1e3 * each * largest / call[0]] for call, each in zip(calls, seconds)]
    return "\n\n".join([
        f"Notebook 18's 49 networks 3–64–64–1, mapped: a step of gradient descent, {sizes.descents} of them in one compiled loop, in "
        "operations of its matrix products, beside as many batched products (49, batch, 64) @ (49, 64, 64), in a loop too, measured in "
        "turn. Activations are what the two hidden layers of a batch, or of a micro-batch, hold between the passes; the goal is a share of "
        "70% while they fit the cache. Three products of that size make up nearly all of a step, and the third, (49, 64, batch) @ "
        "(49, batch, 64) for the gradient of the kernels, is the slower the longer the batch: how fast it is by itself, the last column says.",
        measure.table(
            ["one step", "activations, MiB", "ms", "gigaflop/s", "batched product, gigaflop/s", "share", "third product, share"], rows
        ),
        "In exercise 18.4 each gradient is a call from Python. Its arrays are then taken anew from the system each time, which a loop does "
        "once, and that costs the more the larger they are. There micro-batches recover what the large batch loses:",
        measure.table(["one gradient, called", "ms", f"ms for {largest} paths"], called),
    ])  # fmt: skip


def pricer_operations(sizes: Sizes) -> int:
    """Of the network's matrix products in one ``lsmc.price`` with its defaults: evaluating, least squares, and Adam."""
    network, learned = regressors.Network(), learned_from(sizes)
    width = 64  # of the one hidden layer
    forward = 2 * (width + width)  # a path
    adam = 3 * forward * network.batch * (network.first_steps + network.steps_per_input * (sizes.dates - 1))
    squares = (forward + 2 * (width + 2) ** 2) * min(network.refit_paths, learned) * (sizes.dates - 1)
    return adam + squares + forward * (learned + sizes.paths) * (sizes.dates - 1)


def floors(sizes: Sizes) -> str:
    """## Floors: what the arithmetic alone would take"""
    paths = learned_from(sizes) + sizes.paths
    polynomial = (2 * 4 * paths + 2 * 6**2 * min(regressors.ENOUGH, learned_from(sizes))) * (sizes.dates - 1)
    operations = {"Network": pricer_operations(sizes), "Polynomial": polynomial}
    normals = sizes.dates * paths // 2  # two simulations, of which antithetic twins need half the numbers
    market, option = simulate.BlackScholes(36.0, 0.2, 0.06), lsmc.Bermudan(payoffs.put(40.0), 1.0, sizes.dates)
    prices = [partial(ours(market, option, regressor, sizes), 1) for regressor in (regressors.Network(), regressors.Polynomial())]
    product, in_it = measure.matmul(*[sizes.matmul] * 3)
    multiplying, drawing, *each = measure.medians_in_turn(product, measure.normals(sizes.normals), *prices, rounds=sizes.rounds)
    product_rate, draw_rate = in_it / multiplying, sizes.normals / drawing
    rows = []
    for (name, count), seconds in zip(operations.items(), each):
        times = [count / product_rate, normals / draw_rate]
        rows.append([name, count / 1e9, *times, sum(times), seconds, f"{seconds / sum(times):.1f}"])
    return "\n\n".join([
        f"For the put above. Measured in turn with it: {product_rate / 1e9:.0f} gigaflop/s in float32 (a product of matrices of "
        f"{sizes.matmul:,} rows), {draw_rate / 1e6:.0f} million normals a second.",
        measure.table(["", "gigaflop", "operations, s", "normals, s", "floor, s", "ours, s", "ours / floor"], rows),
        "The floor counts matrix products (for the polynomial its terms too) and normal numbers, and nothing else: no exponentials of the "
        "paths, no control variates, no decisions, and no reading and writing of the states, which leave the cache.",
    ])  # fmt: skip


def main(quick: bool, output: Path) -> None:
    sizes, start = QUICK if quick else Sizes(), time.perf_counter()
    jax.config.update("jax_enable_compilation_cache", False)  # cold is cold
    sections = [
        "# The pricer's speed beside its peers'",
        f"Written by `make bench` on {time.strftime('%Y-%m-%d')}; every time is from the same run, but for those in the last section. "
        f"Warm calls have {sizes.seeds} seeds, or {sizes.slow_seeds} where a call takes several seconds; ± is the standard error of "
        "their mean, the spread is from the quickest call to the slowest, and × is a median divided by that of ours.",
    ]
    for section in (the_machine, longstaff_schwartz, max_call, joint_recipe, costs, compiling, joint_training, floors):
        body = section(sizes, output) if section is costs else section(sizes)
        sections += [section.__doc__, body]
        print(section.__doc__, body, f"({time.perf_counter() - start:.0f} s)", sep="\n\n", end="\n\n", flush=True)
    sections.append("#" + (HERE / "tried.md").read_text(encoding="utf-8").strip())  # one heading lower
    output.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    print(f"stored in {output.name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="next to nothing of everything: does it run?")
    parser.add_argument("--output", type=Path, default=HERE / "results.md", help="the file to write; a picture goes beside it")
    main(**vars(parser.parse_args()))
