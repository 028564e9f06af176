"""Forecast volatility from one-minute bars of a day that is proven complete.

    crypto-assets demo                      # writes ./lake, with one whole day of NEXOUSDT
    python examples/forecast_volatility.py  # seconds on a CPU; needs crypto-assets[training]

The target is the log of the next half hour's realised variance: squared one-minute log returns,
added up. The model sees the hour before: log variance and log volume of its last 5, 15, 30 and 60
minutes (Corsi's HAR), through a small network. It is trained before 16:00 and told how well it does
on what comes after; of the hour between, nothing is used.
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

import torch

from crypto_assets import read
from crypto_assets.lake.lake import Lake
from crypto_assets.training import Instrument, Span, split, windows
from crypto_assets.training.dataset import Loader

CONTEXT, HORIZON, SPANS = 60, 30, (5, 15, 30, 60)
QUIET = 1e-8  # (one basis point) squared, added to every variance: a still minute has a log too

Tensors = dict[str, torch.Tensor]


def variances(batch: Tensors) -> torch.Tensor:
    """Give squared log returns of a batch of windows, (windows, minutes), the first of them 0."""
    price = batch["close"].log()
    return torch.diff(price, dim=1, prepend=price[:, :1]).square()


def sample(batch: Tensors) -> tuple[torch.Tensor, torch.Tensor]:
    """Give inputs (windows, 8), a minute's means, and targets (windows,), of a batch."""
    variance, volume = variances(batch)[:, :CONTEXT], batch["volume"][:, :CONTEXT]
    past = [(variance[:, -span:].mean(1) + QUIET).log() for span in SPANS]
    past += [volume[:, -span:].mean(1).log1p() for span in SPANS]
    target = (variances(batch)[:, CONTEXT:].mean(1) + QUIET).log()
    return torch.stack(past, dim=1).float(), target.float()


def samples(batches: list[Tensors]) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the inputs and targets of many batches."""
    inputs, targets = zip(*map(sample, batches), strict=True)
    return torch.cat(inputs), torch.cat(targets)


def ewma(batch: Tensors, decay: float = 0.94) -> torch.Tensor:
    """Weigh the minutes before by their age, as RiskMetrics does; give the log."""
    weights = decay ** torch.arange(CONTEXT - 1, -1, -1, dtype=torch.float64)
    return (variances(batch)[:, :CONTEXT] @ (weights / weights.sum()) + QUIET).log().float()


def main() -> None:
    """Train, and print the losses beside what needs no training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lake", type=Path, default=Path("lake"))
    parser.add_argument("--symbol", default="NEXOUSDT")
    parser.add_argument("--date", default="2024-07-24")
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    torch.manual_seed(0)
    lake, symbol = Lake(options.lake), Instrument.parse(options.symbol)
    start = dt.datetime.fromisoformat(options.date).replace(tzinfo=dt.UTC)
    end = start + dt.timedelta(days=1)
    bars = read.scan_bars(symbol, start, end, "1m", lake=lake)  # refused unless proven complete
    traded = bars.select("trade_count").collect().to_series()
    print(f"{symbol} {options.date}: {traded.sum()} trades in {(traded > 0).sum()} minutes")

    day = Span.of(start, end)
    shape = {"interval": "1m", "context": CONTEXT, "horizon": HORIZON}
    every = windows(lake, [symbol], day, columns=["close", "volume"], **shape)
    cut, gap = start + dt.timedelta(hours=16), dt.timedelta(minutes=CONTEXT)
    training, test = (every.within(part) for part in split(day, [cut], gap))
    print(f"windows: {len(training.starts)} to train on, {len(test.starts)} after")

    inputs, targets = samples(list(Loader(training)))
    mean, deviation, level = inputs.mean(0), inputs.std(0) + 1e-6, targets.mean()
    model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.3)

    def forecast(some: torch.Tensor) -> torch.Tensor:
        return model((some - mean) / deviation).squeeze(1) + level

    loader = Loader(training)  # every epoch in an order of its own
    for epoch in range(options.epochs):
        errors = []
        for batch in loader:
            known, wanted = sample(batch)
            error = (forecast(known) - wanted).square().mean()
            optimizer.zero_grad()
            error.backward()
            optimizer.step()
            errors.append(error.item())
        if (epoch + 1) % 20 in (0, 1):
            print(f"epoch {epoch}: loss {sum(errors) / len(errors):.3f}")

    batches = list(Loader(test))
    known, wanted = samples(batches)
    with torch.no_grad():
        guesses = {
            "network": forecast(known),
            "last half hour": known[:, SPANS.index(30)],
            "EWMA": torch.cat([ewma(batch) for batch in batches]),
            "mean of training": level,
        }
    losses = {name: float((guess - wanted).square().mean()) for name, guess in guesses.items()}
    print("mean squared error of the log variance after 17:00:")
    print("\n".join(f"  {name:18} {value:.3f}" for name, value in losses.items()))
    worse = [name for name, value in losses.items() if value > losses["network"]]
    print(f"The network does better than {', '.join(worse) or 'none'}: one day, no more.")


if __name__ == "__main__":
    main()
