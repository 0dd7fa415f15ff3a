#!/usr/bin/env bash
# FinancePy 1.1.2: the formula of Bjerksund and Stensland is also applied where exercising at once is best, and is far off there.
# A put with strike 40, volatility .2, rate .06, a year: 35.42 at a spot of 20, where it is worth 20; 10.55 for 10 at 30. A call with a yield
# of .10: 63.4 at a spot of 80, where it is worth 40. Nothing is said. The tree and Barone-Adesi and Whaley's formula are right there. What helps:
# below the critical price (33 here) take the payoff.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet financepy==1.1.2
"$folder/venv/bin/python" - <<'PY'
import importlib.metadata

from financepy.market.curves.flat_discount_curve import FlatDiscountCurve
from financepy.models.black_scholes import BlackScholes, BlackScholesTypes
from financepy.products.equity.equity_american_option import EquityAmericanOption
from financepy.utils.date import Date
from financepy.utils.global_types import OptionTypes

today = Date(1, 1, 2026)
rate, nothing, dividends = (FlatDiscountCurve(today, level) for level in (0.06, 0.0, 0.10))
for kind, spot, yields, right in (("PUT", 20.0, nothing, 20.0), ("PUT", 30.0, nothing, 10.0), ("CALL", 80.0, dividends, 40.0)):
    option = EquityAmericanOption(Date(1, 1, 2027), 40.0, OptionTypes[f"AMERICAN_{kind}"])
    names = "CRR_TREE", "BARONE_ADESI", "BJERKSUND_STENSLAND"
    tree, whaley, formula = (float(option.value(today, spot, rate, yields, BlackScholes(0.2, BlackScholesTypes[name]))) for name in names)
    print(f"FinancePy {importlib.metadata.version('financepy')}, {kind} at {spot:.0f}: tree {tree:.2f},", end=" ")
    print(f"Barone-Adesi and Whaley {whaley:.2f}, Bjerksund and Stensland {formula:.2f}")
    assert abs(tree - right) < 0.01 and abs(whaley - right) < 0.01 and formula > 1.05 * right, "the formula is right there now"
PY
