"""What the ratios are to be: one table. A figure that misses its target fails the test that measured it."""

from typing import NamedTuple

from bench.report import note


class Target(NamedTuple):
    """A bound that counts as met, too."""

    at_least: float | None = None
    at_most: float | None = None

    def __str__(self) -> str:
        return f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"

    def met(self, figure: float) -> bool:
        if self.at_least is not None:
            return figure >= self.at_least
        return self.at_most is not None and figure <= self.at_most


TARGETS = {
    "rate, Livepool / limit": Target(at_least=0.7),
    "rate, Livepool / plain Faust": Target(at_least=15),
    "rate, Livepool / Bytewax": Target(at_least=1.5),
    "rate, Livepool / Quix": Target(at_least=1.5),
    "CPU per event, after ten times as many events": Target(at_most=1.3),
    "rate, all events in one room / in many": Target(at_least=0.9),
    "p99 latency at 50 % load / batch interval": Target(at_most=3),
    "longest stall at 50 % load, s": Target(at_most=1),
    "memory, twice as many idle buyers": Target(at_most=1.1),
    "rate, most buyers in the state / 10,000": Target(at_least=0.7),
    "CPU per event, most buyers in the state / 10,000": Target(at_most=1.3),
    "rate, histories of 2,000 events / of 20": Target(at_least=0.7),
    "rate of recovery / live rate": Target(at_least=1),
    "p99 push delay to 500 clients, s": Target(at_most=0.5),
    "rate, 500 clients of the board / none and no board": Target(at_least=0.5),
}


def check(figures: dict[str, float], where: str = "") -> None:
    """Note figures beside their targets; AssertionError when one misses it."""
    missed = []
    for name, figure in figures.items():
        target, label = TARGETS[name], f"{name} ({where})" if where else name
        note("targets", figure=label, measured=figure, target=str(target), met=target.met(figure))
        if not target.met(figure):
            missed.append(f"{label}: {figure:.2f}, the target is {target}")
    assert not missed, "; ".join(missed)
