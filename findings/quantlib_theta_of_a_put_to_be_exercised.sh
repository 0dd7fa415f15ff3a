#!/usr/bin/env bash
# QuantLib 1.44: where a put is to be exercised at once its price is strike less spot, today and tomorrow, so that its theta is 0. Finite
# differences and Bjerksund and Stensland's formula say so. All seven binomial trees say rate times strike, 2.40 a year (spot 20, strike 40,
# rate .06), which is what the Black-Scholes equation would give, and that doesn't hold there. Price and delta are right.
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
process = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(20.0)), dividend, rate, volatility)
option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Put, 40.0), ql.AmericanExercise(today, today + 365))
trees = "jr", "crr", "eqp", "trigeorgis", "tian", "lr", "joshi4"
engines = {name: ql.BinomialVanillaEngine(process, name, 501) for name in trees}
engines |= {"finite differences": ql.FdBlackScholesVanillaEngine(process, 400, 400), "formula": ql.BjerksundStenslandApproximationEngine(process)}
for name, engine in engines.items():
    option.setPricingEngine(engine)
    print(f"QuantLib {ql.__version__}, {name}: price {option.NPV():.4f}, delta {option.delta():.4f}, theta {option.theta():.4f}")
    assert abs(option.NPV() - 20) < 1e-4 and abs(option.theta() - (2.4 if name in trees else 0)) < 1e-3, f"{name}: theta is another one now"
PY
