"""One network per date in PyTorch, as one writes it there: a list of modules, a Python loop over dates, nothing compiled.

It sees and learns as the course's own network does, but for the least squares of the last layer, antithetic pairs and control
variates: sorted prices and the payoff as inputs, 64–64–1, paths in the money, each date's network started from the next one's.
"""

import copy

import torch


def max_call(assets, spot, strike, volatility, rate, dividend, years, dates, paths, seed, first_steps=1000, steps=200, batch=512):
    """A Bermudan max-call: learned on ``paths`` paths, priced on as many fresh ones."""
    torch.manual_seed(seed)
    dt = years / dates
    discount = torch.exp(torch.tensor(-rate * dt))
    sizes = [2 * assets + 1, 64, 64, 1]

    def simulate():
        normals = torch.randn(dates, paths, assets)
        steps = (rate - dividend - volatility**2 / 2) * dt + volatility * dt**0.5 * normals
        prices = spot * torch.exp(steps.cumsum(dim=0))  # (dates, paths, assets)
        return prices, torch.clamp(prices.amax(dim=-1) - strike, min=0.0)

    def features(prices, value):
        everything = torch.cat([prices, prices.sort(dim=-1).values, value[:, None] + strike], dim=-1)
        return torch.log(everything / spot) / (volatility * years**0.5)

    def network():
        layers = [layer for pair in zip(sizes[:-1], sizes[1:]) for layer in (torch.nn.Linear(*pair), torch.nn.ReLU())]
        return torch.nn.Sequential(*layers[:-1])

    def learn(model, x, y, steps):
        """Some steps of Adam whose rate falls to 0, on batches drawn with replacement."""
        adam = torch.optim.Adam(model.parameters(), lr=5e-3)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
        for _ in range(steps):
            rows = torch.randint(len(x), (batch,))
            loss = ((model(x[rows])[:, 0] - y[rows]) ** 2).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            falling.step()

    def walk(models, learning):
        prices, values = simulate()
        cash = values[-1]
        for date in reversed(range(dates - 1)):
            cash = discount * cash
            x, in_the_money = features(prices[date], values[date]), values[date] > 0
            if learning:
                models[date] = copy.deepcopy(models[date + 1]) if date + 1 in models else network()
                some = (x[in_the_money], cash[in_the_money] / spot)
                learn(models[date], *some, steps if date + 1 in models else first_steps)
            with torch.no_grad():
                stop = in_the_money & (values[date] >= spot * models[date](x)[:, 0])
            cash = torch.where(stop, values[date], cash)
        return float(discount * cash.mean())

    models = {}
    walk(models, learning=True)
    return walk(models, learning=False)
