"""Is everything there to work with? What `make check-setup` runs: seconds, without a browser.

    python tests/tools/check_setup.py

Prints versions and device, prices one American put, and compares it with a binomial tree. The last line is OK, or says what is
wrong and what to do; then the exit status is 1.
"""

import os
import sys
import time
from importlib import metadata

COURSE = "course-utils"
INSTALL = 'python -m pip install -c constraints.txt -e ".[dev]"'


class Wrong(Exception):
    """What is wrong, what was expected, and what to do."""


def check_versions() -> None:
    """That what pyproject.toml asks for, to run and to test the notebooks, is installed in versions that will do."""
    try:
        requirements = metadata.requires(COURSE) or []
        from packaging.requirements import Requirement
    except ModuleNotFoundError as error:
        missing = error.name or COURSE
        raise Wrong(f"{missing} isn't installed for {sys.executable}. In the course's folder: make env, or {INSTALL}") from None
    found = []
    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate({"extra": "dev"}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            found.append(f"{requirement.name} isn't installed")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{requirement.name} {version} is installed, expected {requirement.specifier}")
    if found:
        raise Wrong(f"{'; '.join(found)}. In the course's folder: {INSTALL}")


def check_device() -> None:
    """Print versions and device, as every notebook's first cell does."""
    try:
        import course_utils

        course_utils.about()
    except Exception as error:  # of whatever type: a driver that fails, a device that isn't there, a library that doesn't load
        asked = os.environ.get("JAX_PLATFORMS")
        asked = f" (JAX_PLATFORMS is {asked})" if asked else ""
        first = next(iter(str(error).splitlines()), "no reason given")
        raise Wrong(
            f"jax finds no device to compute on{asked}: {type(error).__name__}, {first}. "
            "Every machine has a CPU for it: set JAX_PLATFORMS=cpu in the environment and try again."
        ) from None


def check_price() -> str:
    """The README's put, by the pricer and by a tree."""
    import jax

    from course_utils import lsmc, payoffs, reference, simulate

    market = simulate.BlackScholes(spot=36.0, volatility=0.2, rate=0.06)
    option = lsmc.Bermudan(payoff=payoffs.put(40.0), maturity=1.0, dates=50)
    result = lsmc.price(market, option, key=jax.random.key(0))
    tree, _ = reference.binomial("put", 36.0, 40.0, 0.2, 0.06, 1.0, dates=50)
    priced = f"a put is worth {result.lower:.4f} ± {result.lower_stderr:.4f}, by a binomial tree {tree:.4f}"
    # A policy learned from paths is a little worse than the best: 0.1% is left for that, as in tests/test_lsmc.py.
    if not -4 * result.lower_stderr - 0.001 * tree <= result.lower - tree <= 4 * result.lower_stderr:
        raise Wrong(
            f"{priced}: expected at most 4 standard errors more, or 0.1% and 4 standard errors less. Install the versions that "
            f"the course is tested with: {INSTALL}. If they are there, set JAX_PLATFORMS=cpu in the environment and try again."
        )
    return priced


def main() -> int:
    start = time.perf_counter()
    try:
        check_versions()
        check_device()
        priced = check_price()
    except Wrong as wrong:
        print(f"Not yet: {wrong}")
        return 1
    print(f"OK: {priced}; {time.perf_counter() - start:.0f} seconds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
