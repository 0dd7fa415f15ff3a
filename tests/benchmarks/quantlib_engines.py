"""QuantLib's two Longstaff–Schwartz engines, on the two options of the tables."""

import QuantLib as ql

TODAY, DAYS = ql.Date(1, 1, 2024), ql.Actual365Fixed()
ql.Settings.instance().evaluationDate = TODAY


def process(spot, volatility, rate, dividend):
    flat = lambda value: ql.YieldTermStructureHandle(ql.FlatForward(TODAY, value, DAYS))
    volatility = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(TODAY, ql.NullCalendar(), volatility, DAYS))
    return ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(spot)), flat(dividend), flat(rate), volatility)


def put(spot, strike, volatility, rate, years, dates, paths, seed, **engine):
    """An American put whose exercise the engine allows at ``dates`` equal steps, time 0 excluded: a Bermudan put."""
    exercise = ql.AmericanExercise(TODAY, TODAY + 365 * years)
    option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Put, strike), exercise)
    one = process(spot, volatility, rate, 0.0)
    option.setPricingEngine(ql.MCAmericanEngine(one, "pseudorandom", timeSteps=dates, requiredSamples=paths, seed=seed, **engine))
    return option.NPV()


def max_call(assets, spot, strike, volatility, rate, dividend, years, dates, paths, seed, **engine):
    """A call on the dearest of some independent assets, exercised at ``dates`` equal steps."""
    processes = [process(spot, volatility, rate, dividend) for _ in range(assets)]
    independent = ql.Matrix([[float(i == j) for j in range(assets)] for i in range(assets)])
    together = ql.StochasticProcessArray(processes, independent)
    payoff = ql.MaxBasketPayoff(ql.PlainVanillaPayoff(ql.Option.Call, strike))
    option = ql.BasketOption(payoff, ql.AmericanExercise(TODAY, TODAY + 365 * years))
    option.setPricingEngine(
        ql.MCAmericanBasketEngine(together, "pseudorandom", timeSteps=dates, requiredSamples=paths, seed=seed, **engine)
    )
    return option.NPV()
