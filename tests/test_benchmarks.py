"""The benchmarks as a program: it runs where a peer is missing, writes every table, and its plain NumPy peer is right.

What the tables say is no test, since other machines are slower; `make bench` measures anew.
"""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from course_utils import reference

FOLDER = Path(__file__).parent / "benchmarks"
FINDINGS, PEERS = Path(__file__).parents[1] / "findings", Path(__file__).parents[1] / "notebooks/peers.md"
BENCH, STORED = FOLDER / "bench.py", FOLDER / "results.md"
TITLES = re.findall(r'^    """(## .+)"""$', BENCH.read_text(encoding="utf-8"), re.MULTILINE)
TRIED = "## What was tried, and what it gave"


@pytest.fixture
def numpy_lsm():
    return runpy.run_path(str(FOLDER / "numpy_lsm.py"))["price"]


def tables(text):
    """Title -> the rows of the tables below it, without their headers."""
    found = {}
    for title, body in re.findall(r"^(## .+)\n((?:(?!## ).*\n)*)", text, re.MULTILINE):
        lines = [line for line in body.splitlines() if line.startswith("|")]
        found[title] = [line for line in lines if not line.startswith("| :") and not line.startswith("|  ")]
    return found


def test_plain_numpy_agrees_with_the_reference(numpy_lsm):
    """0.1%: what powers of degree 4 leave to be had, besides three standard errors."""
    expected = next(row for row in reference.table("longstaff_schwartz_2001_table1") if row["spot"] == 36 and row["volatility"] == 0.2)
    price, stderr = numpy_lsm(36.0, 40.0, 0.2, 0.06, 1.0, 50, paths=50_000, seed=1)
    assert 0 < stderr < 0.005 * price
    assert -3 * stderr - 0.001 * expected["bermudan"] < price - expected["bermudan"] < 3 * stderr


def test_plain_numpy_with_one_date_is_european(numpy_lsm):
    price, stderr = numpy_lsm(36.0, 40.0, 0.2, 0.06, 1.0, 1, paths=50_000, seed=2)
    assert abs(price - reference.black_scholes("put", 36.0, 40.0, 0.2, 0.06, 1.0)) < 3 * stderr


def test_micro_batches_give_the_gradient_of_the_whole_batch():
    joint = runpy.run_path(str(FOLDER / "joint.py"))
    params, data = joint["init"](jax.random.key(0)), joint["sample"](jax.random.key(1), 64)
    whole, pieces = joint["gradient"](params, *data), joint["gradient"](params, *data, pieces=4)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(pieces)):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4 * np.abs(one).max())


def test_stored_results_have_every_section():
    if not STORED.exists():
        pytest.skip("no results are stored: make bench")
    text = STORED.read_text(encoding="utf-8")
    assert re.findall(r"^## .+$", text, re.MULTILINE) == [*TITLES, TRIED]
    assert re.search(r"\bnan\b", text) is None
    assert (FOLDER / re.search(r"!\[.{50,}\]\((.+)\)", text)[1]).exists()
    for package in ("jax", "NumPy", "QuantLib"):
        assert re.search(rf"{package} \d+\.\d+", text), f"the version of {package}"
    assert re.search(r"\d+ cores", text)


@pytest.mark.parametrize("dates", [1, 9])
def test_quantlib_prices_the_same_options(dates):
    """Nine steps are nine dates: a Bermudan value, above the European one and below what exercise at any time would be worth."""
    pytest.importorskip("QuantLib", reason="QuantLib isn't installed: make bench")
    engines = runpy.run_path(str(FOLDER / "quantlib_engines.py"))
    put = engines["put"](36.0, 40.0, 0.2, 0.06, 1, dates, paths=20_000, seed=1)
    expected = reference.binomial("put", 36.0, 40.0, 0.2, 0.06, 1.0, steps=900, dates=dates)[0]
    assert put == pytest.approx(expected, rel=0.02)
    if dates == 9:
        price = engines["max_call"](5, 100.0, 100.0, 0.2, 0.05, 0.10, 3, 9, paths=5_000, seed=1)
        assert price == pytest.approx(26.159, rel=0.04)


def test_page_about_peers_names_what_measures_it():
    """Each script that it names is there, each script about a peer's prices is named, and each line names one or a test."""
    text = PEERS.read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+\.sh)`", text))
    scripts = {path.name for path in FINDINGS.glob("*.sh")}
    assert named <= scripts
    assert {name for name in scripts if name.startswith(("quantlib", "financepy", "scipy", "fbm"))} <= named
    measured = text.partition("## QuantLib")[2]
    lines = re.findall(r"^- .*(?:\n  .*)*", measured, re.MULTILINE)
    assert len(lines) > 15
    assert [line for line in lines if not re.search(r"\.sh`|the same script|`test_\w+`", line)] == []
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in re.findall(r"`(test_\w+)`", text) if f"def {name}(" not in tests] == []
    for version in re.findall(r"(?:QuantLib|FinancePy|SciPy|fbm|jax|optax)`? (\d+\.\d+(?:\.\d+)?)", text):
        assert any(f"=={version}" in (FINDINGS / name).read_text(encoding="utf-8") for name in named), version


def test_quantlib_as_the_page_about_peers_says():
    """What it says in words, and raises errors for, and so is no finding; the numbers are the page's."""
    ql = pytest.importorskip("QuantLib", reason="QuantLib isn't installed: make bench")
    process = runpy.run_path(str(FOLDER / "quantlib_engines.py"))["process"]
    today = ql.Settings.instance().evaluationDate

    def price(engine, market, strike, exercise):
        option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Put, strike), exercise)
        option.setPricingEngine(engine(market))
        return option.NPV()

    monte_carlo = lambda market: ql.MCAmericanEngine(market, "pseudorandom", timeSteps=50, requiredSamples=20_000, seed=1)
    put = process(36.0, 0.2, 0.06, 0.0)
    window, year = ql.AmericanExercise(today + 182, today + 365), ql.AmericanExercise(today, today + 365)
    assert price(monte_carlo, put, 40.0, window) == price(monte_carlo, put, 40.0, year)

    negative, ten_years = process(100.0, 0.1, -0.01, -0.03), ql.AmericanExercise(today, today + 3650)
    tree = lambda market: ql.BinomialVanillaEngine(market, "lr", 501)
    for right in (tree, lambda market: ql.FdBlackScholesVanillaEngine(market, 400, 400)):
        assert price(right, negative, 100.0, ten_years) == pytest.approx(7.54, abs=0.01)
    assert price(ql.AnalyticEuropeanEngine, negative, 100.0, ql.EuropeanExercise(today + 3650)) == pytest.approx(6.14, abs=0.01)
    formulas = ql.BaroneAdesiWhaleyApproximationEngine, ql.BjerksundStenslandApproximationEngine, ql.JuQuadraticApproximationEngine
    for engine in (ql.QdFpAmericanEngine, ql.QdPlusAmericanEngine, *formulas):
        with pytest.raises(RuntimeError, match="double-boundary|negative"):
            price(engine, negative, 100.0, ten_years)


def test_pytorch_prices_the_same_option():
    pytest.importorskip("torch", reason="PyTorch isn't installed: pip install torch")
    max_call = runpy.run_path(str(FOLDER / "torch_networks.py"))["max_call"]
    price = max_call(5, 100.0, 100.0, 0.2, 0.05, 0.10, 3, 9, paths=10_000, seed=1, first_steps=200, steps=50)
    assert price == pytest.approx(26.159, rel=0.04)


@pytest.mark.slow
def test_program_runs_without_its_peers_and_writes_every_table(tmp_path):
    """In quick sizes and barely optimized, as if neither QuantLib nor PyTorch were installed."""
    output = tmp_path / "results.md"
    program = f"""import runpy, sys
sys.modules["QuantLib"] = sys.modules["torch"] = None
sys.path.insert(0, {str(FOLDER)!r})
sys.argv = ["bench.py", "--quick", "--output", {str(output)!r}]
runpy.run_path({str(BENCH)!r}, run_name="__main__")"""
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "PYTHONIOENCODING": "utf-8"}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8", env=environment, timeout=600)
    assert run.returncode == 0, run.stderr
    text = output.read_text(encoding="utf-8")
    found = tables(text)
    assert list(found) == [*TITLES, TRIED]
    assert all(len(found[title]) >= 2 for title in TITLES[1:] if "Max-call" not in title), text
    assert text.count("QuantLib is not installed here") == 6 and text.count("torch is not installed here") == 1
    assert 0 < output.with_suffix(".png").stat().st_size < 200_000
