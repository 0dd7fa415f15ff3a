"""Markets beside Black and Scholes': a term structure with discrete dividends, and Heston's random variance.

Each has what the top of ``simulate`` describes, and all are pytrees of numbers: as many others compile nothing anew.
"""

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np

from course_utils.inputs import number, traced, whole_number
from course_utils.simulate import antithetic_normals, root

SAME = 1e-5  # years, five minutes: float32 may put an exercise date this much before the dividend that it falls on


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TermStructure:
    """An asset under Black and Scholes with piecewise constant parameters, and dividends in cash and in percent.

    Piece i lasts until ``until[i]``, the last one for ever. All are per year, continuously compounded, and forward:
    where implied volatilities are σ₁ until t₁ and σ₂ until t₂, the second piece has √((σ₂²t₂ - σ₁²t₁)/(t₂ - t₁)).

    The price is a log-normal part plus the worth of the cash dividends to come, discounted at the rate less the yield:
    the escrowed model, with all dividends given, those after an option's maturity too, so that options of all
    maturities live in one market. It is exact with the price alone as state, and no price falls below the dividends it
    owes (H. Buehler, "Volatility and dividends", 2010). ``volatilities`` are the log-normal part's, which are larger
    than the price's own. A log-normal price that drops by the cash, the other usual model, isn't simulated here; at the
    same volatility it makes options dearer, a put at 100 that sees a dividend of 8 by 3%.

    A dividend's date is the first without it: an exercise date that falls on it sees the price after the drop, which is
    right for a put. A call is exercised just before: at an exercise date an hour, .0001 years, earlier.

    Attributes:
        spot: today's price, in money, after dividends dated 0 or earlier.
        until: where the pieces end (pieces,), in years, rising.
        rates: risk-free rates (pieces,).
        volatilities: (pieces,), per square root of a year.
        dividends: dividend yields (pieces,); None for none.
        cash_dates, cash: when, in years, and how much money is paid (n,) each.
        percent_dates, percent: when, in years, and what share of the price is paid, .02 for 2%, (n,) each; before the
            cash of the same date.
    """

    spot: jax.Array | float
    until: jax.Array
    rates: jax.Array
    volatilities: jax.Array
    dividends: jax.Array | None = None
    cash_dates: jax.Array = ()
    cash: jax.Array = ()
    percent_dates: jax.Array = ()
    percent: jax.Array = ()

    def simulate(self, key: jax.Array, times: jax.Array, paths: int) -> jax.Array:
        """Prices (dates, paths, 1) at ``times`` (dates,) in years, exact at each; paths in antithetic pairs."""
        squares = jnp.asarray(self.volatilities, float) ** 2  # (pieces,)
        variance = self._integral(squares, times, since=jnp.append(0.0, times[:-1]))  # (dates,)
        normals = antithetic_normals(key, (times.shape[0], paths, 1))[..., 0]  # (dates, paths)
        shocks = jnp.exp(root(variance)[:, None] * normals - variance[:, None] / 2)  # (dates, paths)

        def step(growth, shock):
            growth = growth * shock
            return growth, growth

        growth = jax.lax.scan(step, jnp.ones(paths, shocks.dtype), shocks)[1]  # (dates, paths)
        forward = self._lognormal() * jnp.exp(self._carry(times))  # (dates,)
        return (forward[:, None] * growth + self._coming(times)[:, None])[..., None]

    def prices(self, state: jax.Array) -> jax.Array:
        """The asset's price (…, 1): the state itself."""
        return state

    def discount(self, times: jax.Array) -> jax.Array:
        """Today's value of one unit of money at ``times`` (…)."""
        return jnp.exp(-self._integral(self.rates, times))

    def martingales(self, state: jax.Array, times: jax.Array, horizon: jax.Array) -> jax.Array:
        """Martingales (dates, paths, 2) that start at 0: those of ``simulate.BlackScholes``, of the log-normal part.

        The second's clock is the variance so far, in place of time. ``times`` (dates,) are the states'.
        """
        squares = jnp.asarray(self.volatilities, float) ** 2  # (pieces,)
        variance = self._integral(squares, times)[:, None, None]  # (dates, 1, 1)
        forward = self._lognormal() * jnp.exp(self._carry(times))[:, None, None]
        growth = (state - self._coming(times)[:, None, None]) / forward  # (dates, paths, 1)
        moved = jnp.log(jnp.maximum(growth, jnp.finfo(growth.dtype).tiny)) + variance / 2
        scale = jax.lax.stop_gradient(1.0 / jnp.sqrt(self._integral(squares, horizon)))  # fixed: see BlackScholes
        wave = jnp.cos(scale * moved) * jnp.exp(scale**2 / 2 * variance)
        return jnp.concatenate([growth, wave], axis=-1) - 1.0

    def restart(self, state: jax.Array) -> "TermStructure":
        """The market of somebody whose today is ``state`` (1,); ``later`` sets the clock."""
        return replace(self, spot=state[0])

    def later(self, time: jax.Array) -> "TermStructure":
        """The market with its clock set on by ``time`` years and the same spot: its time 0 is this one's ``time``."""
        later = lambda times: jnp.asarray(times, float) - time
        dates = {name: later(getattr(self, name)) for name in _COLUMNS}
        return replace(self, **dates)

    def check(self) -> None:
        """Refuse what can't be simulated, by name: ``TypeError`` for a wrong kind, ``ValueError`` for a wrong value."""
        number("spot", self.spot, positive=True, dimensions=(0,))
        for dates, names in _COLUMNS.items():
            names = [name for name in (dates, *names) if name != "dividends" or self.dividends is not None]
            given = {name: getattr(self, name) for name in names}
            if dates != "until" and all(_none(value) for value in given.values()):
                continue  # no such dividends
            for name, value in given.items():
                number(name, value, positive=name == "volatilities", dimensions=(1,))
            if len(set(map(len, given.values()))) > 1:
                listed = ", ".join(f"{name} {len(value)}" for name, value in given.items())
                raise ValueError(f"lengths differ: {listed}; expected the same")
        if _known(self.until) and not (np.diff(np.asarray(self.until, np.float32)) > 0.0).all():
            raise ValueError(f"until is {self.until!r}; expected years that rise, the ends of the pieces")
        if _known(self.cash) and not (np.asarray(self.cash, float) >= 0.0).all():
            raise ValueError(f"cash is {self.cash!r}; expected money, none of it below 0")
        if _known(self.percent) and not (np.clip(self.percent, 0.0, 0.999) == self.percent).all():
            raise ValueError(f"percent is {self.percent!r}; expected shares of the price from 0 to .999, .02 for 2%")
        if _known(self):
            with jax.ensure_compile_time_eval():  # known under ``jit`` of something else, too
                worth = float(self._coming(0.0))
            if not worth < self.spot:
                raise ValueError(f"cash is {self.cash!r}, today worth {worth:.6g}; expected < spot {self.spot!r}")

    def _integral(self, values, times, since=0.0) -> jax.Array:
        """Of piecewise constant ``values`` (pieces,), from ``since`` (…) or today to ``times`` (…)."""
        values, inner = jnp.asarray(values, float), jnp.asarray(self.until, float)[:-1]
        starts, ends = jnp.append(-jnp.inf, inner), jnp.append(inner, jnp.inf)  # (pieces,)
        piece = lambda value, start, end: value * (jnp.clip(times, start, end) - jnp.clip(since, start, end))  # (…)
        return jax.vmap(piece)(values, starts, ends).sum(axis=0)

    def _carry(self, times) -> jax.Array:
        """The logarithm (…) of the mean growth of the log-normal part until ``times`` (…)."""
        rates = jnp.asarray(self.rates, float)
        yields = 0.0 if self.dividends is None else jnp.asarray(self.dividends, float)
        kept = lambda date, share: jnp.where(_paid(date, times) & (date > SAME), jnp.log1p(-share), 0.0)  # (…)
        dates, shares = jnp.asarray(self.percent_dates, float), jnp.asarray(self.percent, float)
        return self._integral(rates - yields, times) + jax.vmap(kept)(dates, shares).sum(axis=0)

    def _coming(self, times) -> jax.Array:
        """What the cash dividends still to come at ``times`` (…) are worth then (…)."""
        dates, cash = jnp.asarray(self.cash_dates, float), jnp.asarray(self.cash, float)
        now, then = self._carry(times), self._carry(dates)  # (…), (n,)
        worth = lambda date, then, cash: jnp.where(_paid(date, times), 0.0, cash * jnp.exp(now - then))  # (…)
        return jax.vmap(worth)(dates, then, cash).sum(axis=0)

    def _lognormal(self) -> jax.Array:
        """Today's log-normal part of the price (); NaN where the cash dividends are worth more than the spot."""
        spot = jnp.asarray(self.spot, float)
        part = spot - self._coming(0.0)
        return jnp.where(part < -1e-5 * spot, jnp.nan, jnp.maximum(part, jnp.finfo(spot.dtype).eps * spot))


_COLUMNS = {"until": ("rates", "volatilities", "dividends"), "cash_dates": ("cash",), "percent_dates": ("percent",)}


def _none(values) -> bool:
    """Whether there are no ``values``, not even traced ones."""
    return isinstance(values, list | tuple) and not values or getattr(values, "shape", None) == (0,)


def _known(tree) -> bool:
    """Whether no number in ``tree`` is traced."""
    return not any(map(traced, jax.tree.leaves(tree)))


def _paid(date, times) -> jax.Array:
    """Whether (…) a dividend dated ``date`` () is paid at ``times`` (…)."""
    return date <= jnp.asarray(times, float) + SAME


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Heston:
    """An asset whose variance is random and reverts to a mean (S. Heston, Review of Financial Studies 6, 1993).

    ``dS/S = (rate - dividend) dt + √v dW`` and ``dv = reversion (mean_variance - v) dt + vol_of_vol √v dB``, with ρ the
    correlation of W and B. All are per year. Simulated by the quadratic-exponential scheme (L. Andersen, "Simple and
    efficient simulation of the Heston stochastic volatility model", Journal of Computational Finance 11, 2008), which
    is right also where the variance keeps falling to 0.

    At any step it has the variance's mean and deviation, and the mean of the price as long as ρ · vol_of_vol · step is
    below about 1. All else is biased by an amount that falls with the step: with κ = .5, ξ = 1, θ = v₀ = .04, ρ = -.7
    and a rate of .05, a put at 100 for one year is worth 3.590; with 8 steps a year -.009 ± .002 more, with 32
    -.003 ± .002, with 80 .001 ± .002.

    Attributes:
        spot: today's price, in money.
        variance: today's, the square of a volatility; 0 or more.
        rate: the risk-free rate.
        reversion: κ, how fast the variance reverts, per year.
        mean_variance: θ, what it reverts to.
        vol_of_vol: ξ, the volatility of the variance.
        correlation: ρ, from -1 to 1.
        dividend: the dividend yield.
        steps: from each date to the next, and from today to the first; static. Few dates want more of them.
    """

    spot: jax.Array | float
    variance: jax.Array | float
    rate: jax.Array | float
    reversion: jax.Array | float
    mean_variance: jax.Array | float
    vol_of_vol: jax.Array | float
    correlation: jax.Array | float
    dividend: jax.Array | float = 0.0
    steps: int = field(default=8, metadata={"static": True})

    def simulate(self, key: jax.Array, times: jax.Array, paths: int) -> jax.Array:
        """Prices and variances (dates, paths, 2) at ``times`` (dates,) in years; paths in antithetic pairs."""
        spans = jnp.diff(times, prepend=0.0) / self.steps  # (dates,)
        keys = jax.random.split(key, (times.shape[0], self.steps))

        def date(state, now):
            span, keys = now
            step = lambda state, key: (self._step(state, span, antithetic_normals(key, (2, paths, 1))[..., 0]), None)
            state = jax.lax.scan(step, state, keys)[0]
            return state, jnp.stack(state, axis=-1)  # (paths, 2)

        today = [jnp.broadcast_to(jnp.asarray(value, float), (paths,)) for value in (self.spot, self.variance)]
        return jax.lax.scan(date, tuple(today), (spans, keys))[1]

    def _step(self, state, span, normals):
        """Prices and variances (paths,) each, ``span`` years after ``state``, by ``normals`` (2, paths).

        Andersen's scheme with his γ₁ = γ₂ = ½ and K₀*, in terms of how far the variance ends from its mean: where it
        hardly varies, float32 would lose that in a difference.
        """
        price, variance = state
        mean, square = self._moments(variance, span)  # (paths,)
        ratio = jnp.maximum(square / jnp.where(mean > 0.0, mean, 1.0) ** 2, 1e-12)  # ψ, (paths,)
        often = ratio > 1.5  # the variance often is 0

        # A squared normal, scale (shift + normal)²,
        twice = 2.0 / jnp.where(often, 1.0, ratio)
        squared_shift = twice - 1.0 + jnp.sqrt(twice * (twice - 1.0))
        scale = mean / (1.0 + squared_shift)
        quadratic = scale * (2.0 * jnp.sqrt(squared_shift) * normals[0] + normals[0] ** 2 - 1.0)  # less its mean
        # or 0 and, with probability ``positive``, an exponential variable.
        positive = 2.0 / (jnp.where(often, ratio, 2.0) + 1.0)
        typical = mean / positive
        tail = jnp.where(often, jax.scipy.special.ndtr(-normals[0]), 1.0)  # uniform
        exponential = typical * jnp.maximum(jnp.log(positive / tail), 0.0)
        away = jnp.where(often, exponential - mean, quadratic)
        after = jnp.where(often, exponential, jnp.maximum(mean + quadratic, 0.0))

        # What the price does with the variance's noise, less what that adds to the mean: log E exp(power · away).
        along, alone = self.correlation / self.vol_of_vol, span / 2 * (1.0 - self.correlation**2)
        with_noise = along + span / 2 * (self.reversion * along - 0.5)
        power = with_noise + alone / 2
        part = power * jnp.where(often, typical, 2.0 * scale)
        finite = part < 0.999
        part = jnp.where(finite, part, 0.0)
        log_mean = jnp.where(
            often,
            jnp.log1p(positive * part / (1.0 - part)) - power * mean,
            part**2 * squared_shift / (1.0 - part) / 2 - (part + jnp.log1p(-part)) / 2,
        )
        log_mean = jnp.where(finite, log_mean, span / 4 * self.correlation**2 * (variance + mean))
        drift = (self.rate - self.dividend) * span - alone / 2 * (variance + mean) - log_mean
        move = drift + with_noise * away + root(alone * (variance + after)) * normals[1]
        return jnp.where(span > 0.0, price * jnp.exp(move), price), jnp.where(span > 0.0, after, variance)

    def _moments(self, variance, span):
        """The mean and the squared deviation of the variance ``span`` years later."""
        past = -jnp.expm1(-self.reversion * span)
        mean = variance + (self.mean_variance - variance) * past
        noise = self.vol_of_vol**2 * past / self.reversion
        return mean, noise * ((1.0 - past) * variance + past / 2 * self.mean_variance)

    def prices(self, state: jax.Array) -> jax.Array:
        """The asset's price (…, 1)."""
        return state[..., :1]

    def discount(self, times: jax.Array) -> jax.Array:
        """Today's value of one unit of money at ``times`` (…)."""
        return jnp.exp(-self.rate * times)

    def martingales(self, state: jax.Array, times: jax.Array, horizon: jax.Array) -> jax.Array:
        """Martingales (dates, paths, 2) that start at 0, of the scheme itself: of the price, and of the variance.

        They are the discounted price, dividends reinvested, in units of the spot, less 1; and ``e^(κt) (v - θ)`` less
        what it is today, in units of its deviation at ``horizon``, in years. ``times`` (dates,) are the states'.
        """
        times = times[:, None]  # (dates, 1)
        growth = state[..., 0] / self.spot * jnp.exp((self.dividend - self.rate) * times) - 1.0  # (dates, paths)
        unit = jnp.sqrt(self._moments(self.variance, horizon)[1])
        above = (state[..., 1] - self.mean_variance) * jnp.exp(self.reversion * (times - horizon))
        today = (self.variance - self.mean_variance) * jnp.exp(-self.reversion * horizon)
        return jnp.stack([growth, (above - today) / unit], axis=-1)

    def restart(self, state: jax.Array) -> "Heston":
        """The market of somebody whose today is ``state`` (2,), a price and a variance."""
        return replace(self, spot=state[0], variance=state[1])

    def check(self) -> None:
        """Refuse what can't be simulated, by name: ``TypeError`` for a wrong kind, ``ValueError`` for a wrong value."""
        for name in ("spot", "variance", "rate", "reversion", "mean_variance", "vol_of_vol", "correlation", "dividend"):
            positive = name in ("spot", "reversion", "mean_variance", "vol_of_vol")
            number(name, getattr(self, name), positive=positive, dimensions=(0,))
        if not traced(self.variance) and self.variance < 0.0:
            raise ValueError(f"variance is {self.variance!r}; expected at least 0")
        if not traced(self.correlation) and abs(self.correlation) > 1.0:
            raise ValueError(f"correlation is {self.correlation!r}; expected from -1 to 1")
        whole_number("steps", self.steps, at_least=1)
