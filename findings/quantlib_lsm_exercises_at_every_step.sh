#!/usr/bin/env bash
# QuantLib 1.44: MCAmericanEngine (Longstaff-Schwartz) accepts a Bermudan exercise and exercises at every time step all the same.
#
# A put, spot 36, strike 40, volatility .2, rate .06, that may be exercised after half a year and after a year: finite
# differences say 4.199, the Monte Carlo engine with 50 steps 4.450 +- .010, which is its price of the American put (4.452).
# A European exercise it refuses ("wrong exercise given"), so one expects that it looks at the dates of a Bermudan one.
# To get a Bermudan price from it, give as many equal time steps as there are dates. Today is no time step: a put at 20 that is
# worth 20 if exercised now is 19.952 there. MCAmericanBasketEngine does the same: a call on the dearer of two assets, to be exercised
# after a year and a half or three, 13.59, which is its American price (13.62), where finite differences say 12.81.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet QuantLib==1.44
"$folder/venv/bin/python" - <<'PY'
import QuantLib as ql

today = ql.Date(1, 1, 2026)
ql.Settings.instance().evaluationDate = today
days = ql.Actual365Fixed()
rate, dividend = (ql.YieldTermStructureHandle(ql.FlatForward(today, r, days)) for r in (0.06, 0.0))
volatility = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), 0.2, days))
process = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(36.0)), dividend, rate, volatility)
payoff = ql.PlainVanillaPayoff(ql.Option.Put, 40.0)
prices = {}
for name, exercise in {"two dates": ql.BermudanExercise([today + 182, today + 365]), "American": ql.AmericanExercise(today, today + 365)}.items():
    option = ql.VanillaOption(payoff, exercise)
    option.setPricingEngine(ql.FdBlackScholesVanillaEngine(process, 400, 400))
    right = option.NPV()
    option.setPricingEngine(ql.MCAmericanEngine(process, "PseudoRandom", timeSteps=50, antitheticVariate=True, requiredSamples=20_000, seed=42))
    prices[name] = option.NPV()
    print(f"QuantLib {ql.__version__}, {name}: finite differences {right:.4f}, MCAmericanEngine {option.NPV():.4f} +- {option.errorEstimate():.4f}")
    if name == "two dates":
        assert option.NPV() > right + 20 * option.errorEstimate(), "it looks at the dates now"
assert abs(prices["two dates"] - prices["American"]) < 0.01, "the two prices differ now"

deep = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(20.0)), dividend, rate, volatility)
option.setPricingEngine(ql.MCAmericanEngine(deep, "PseudoRandom", timeSteps=50, antitheticVariate=True, requiredSamples=20_000, seed=42))
print(f"the American put at 20: {option.NPV():.3f}")
assert 19.9 < option.NPV() < 19.98, "it may be exercised today now"

rate, yields = (ql.YieldTermStructureHandle(ql.FlatForward(today, r, days)) for r in (0.05, 0.10))
processes = [ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(100.0)), yields, rate, volatility) for _ in range(2)]
payoff, independent = ql.MaxBasketPayoff(ql.PlainVanillaPayoff(ql.Option.Call, 100.0)), ql.Matrix([[1.0, 0.0], [0.0, 1.0]])
last = today + 3 * 365
for name, exercise in {"two dates": ql.BermudanExercise([today + 547, last]), "American": ql.AmericanExercise(today, last)}.items():
    option = ql.BasketOption(payoff, exercise)
    option.setPricingEngine(ql.Fd2dBlackScholesVanillaEngine(*processes, 0.0, 100, 100, 50))
    right = option.NPV()
    together = ql.StochasticProcessArray(processes, independent)
    option.setPricingEngine(ql.MCAmericanBasketEngine(together, "PseudoRandom", timeSteps=9, requiredSamples=20_000, seed=1))
    prices[name] = option.NPV()
    print(f"two assets, {name}: finite differences {right:.2f}, MCAmericanBasketEngine {prices[name]:.2f}")
    if name == "two dates":
        assert prices[name] > 1.04 * right, "the basket engine looks at the dates now"
assert abs(prices["two dates"] / prices["American"] - 1) < 0.01, "the two prices of the basket engine differ now"
PY
