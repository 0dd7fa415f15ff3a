"""Longstaff and Schwartz's method in plain NumPy, as one would write it in an afternoon: float64, powers, paths in the money."""

import numpy as np


def price(spot, strike, volatility, rate, maturity, dates, paths, seed, degree=4):
    """A Bermudan put: learned on ``paths`` paths, priced on as many fresh ones. Returns the price and its standard error."""
    rng = np.random.default_rng(seed)
    dt = maturity / dates
    discount = np.exp(-rate * dt)

    def simulate():
        normals = rng.standard_normal((dates, paths))
        steps = (rate - volatility**2 / 2) * dt + volatility * np.sqrt(dt) * normals
        return spot * np.exp(steps.cumsum(axis=0))  # (dates, paths)

    def walk(prices, coefficients):
        """Backward with the cash (paths,) that the policy pays; a date whose coefficients aren't given learns them."""
        cash = np.maximum(strike - prices[-1], 0.0)
        for date in reversed(range(dates - 1)):
            cash *= discount
            candidates = np.flatnonzero(prices[date] < strike)
            payoff = strike - prices[date, candidates]
            basis = np.vander(prices[date, candidates] / strike - 1, degree + 1)  # (candidates, degree + 1)
            if date not in coefficients:
                coefficients[date] = np.linalg.lstsq(basis, cash[candidates], rcond=None)[0]
            stop = payoff >= basis @ coefficients[date]
            cash[candidates[stop]] = payoff[stop]
        return discount * cash

    coefficients = {}
    walk(simulate(), coefficients)
    cash = walk(simulate(), coefficients)
    return cash.mean(), cash.std() / np.sqrt(paths)
