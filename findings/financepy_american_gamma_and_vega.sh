#!/usr/bin/env bash
# FinancePy 1.1.2: EquityAmericanOption differences a tree, whose price is a broken line in the spot, at a distance of .0001. So gamma is 0,
# or, where a node falls on the strike, 189 (put, strike 40, volatility .2, rate .06, a year, by default 52 steps a year; spots 36, 40, 44; by
# prices at spots 5% apart .09, .06, .04). Its vega is for a point of volatility, .112, while the European option's is for a unit, 14.2: the
# American put seems to have a hundredth of the European one's. What helps: difference prices at spots further apart, and divide by the bump.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet financepy==1.1.2
"$folder/venv/bin/python" - <<'PY'
import importlib.metadata

from financepy.market.curves.flat_discount_curve import FlatDiscountCurve
from financepy.models.black_scholes import BlackScholes
from financepy.products.equity.equity_american_option import EquityAmericanOption
from financepy.products.equity.equity_vanilla_option import EquityVanillaOption
from financepy.utils.date import Date
from financepy.utils.global_types import OptionTypes

today, expiry = Date(1, 1, 2026), Date(1, 1, 2027)
market = FlatDiscountCurve(today, 0.06), FlatDiscountCurve(today, 0.0), BlackScholes(0.2)
american = EquityAmericanOption(expiry, 40.0, OptionTypes.AMERICAN_PUT)
european = EquityVanillaOption(expiry, 40.0, OptionTypes.EUROPEAN_PUT)
gammas = {}
for spot in (36.0, 40.0, 44.0):
    down, middle, up = (american.value(today, spot * bump, *market) for bump in (0.95, 1.0, 1.05))
    gammas[spot] = american.gamma(today, spot, *market)
    print(
        f"FinancePy {importlib.metadata.version('financepy')}, spot {spot:.0f}: gamma {gammas[spot]:.4f}, by spots 5% apart "
        f"{(up - 2 * middle + down) / (0.05 * spot) ** 2:.3f}; European {european.gamma(today, spot, *market):.3f}"
    )
vegas = american.vega(today, 36.0, *market), european.vega(today, 36.0, *market)
print("vega at 36: American {:.3f}, European {:.3f}".format(*vegas))
assert abs(gammas[36.0]) < 1e-4 and abs(gammas[44.0]) < 1e-4 and gammas[40.0] > 100, "the tree's gamma is another one now"
assert 50 < vegas[1] / vegas[0] < 200, "both vegas have the same unit now"
PY
