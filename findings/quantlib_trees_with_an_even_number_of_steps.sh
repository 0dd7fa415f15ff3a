#!/usr/bin/env bash
# QuantLib 1.44: the binomial trees "lr" and "joshi4" are made for an odd number of steps. With an even one nothing is said, and a
# European put (spot 36, strike 40, volatility .2, rate .06, a year) is off by 1.5e-2 with 100 steps, by 1.3e-5 ("lr") and 2.8e-8
# ("joshi4") with 101: a thousand and half a million times less. The even tree is worse than the plain "crr" (4.4e-3).
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
option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Put, 40.0), ql.EuropeanExercise(today + 365))
option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
right = option.NPV()


def off(tree, steps):
    option.setPricingEngine(ql.BinomialVanillaEngine(process, tree, steps))
    return abs(option.NPV() - right)


for tree, times in (("lr", 500), ("joshi4", 100_000)):
    even, odd = off(tree, 100), off(tree, 101)
    print(f"QuantLib {ql.__version__}, {tree}: off by {even:.1e} with 100 steps, by {odd:.1e} with 101; crr with 100: {off('crr', 100):.1e}")
    assert even > times * odd and even > off("crr", 100), "an even number of steps is no worse now"
PY
