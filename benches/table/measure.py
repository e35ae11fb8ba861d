"""How long things take, and what is said of it."""

import datetime
import os
import platform
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field


@dataclass
class Contender:
    """Who does the work of a row: a command, or a function that is called instead."""

    name: str
    command: list | None = None
    function: object = None
    codes: tuple = (0,)
    environment: dict = field(default_factory=dict)
    before: object = None  # called before each run, and not counted
    read: object = None  # instead of a run: what another's run has found, in seconds


@dataclass
class Ratio:
    """A bar: what one takes is at most so many times what another does."""

    name: str
    than: str
    most: float
    why: str = ""  # it may be missed

    def __str__(self):
        if self.most < 1:
            return f"{self.name}: at least {1 / self.most:.3g} x as fast as {self.than}"
        return f"{self.name}: at most {self.most:.4g} x {self.than}"

    def judge(self, times):
        """Whether it is met, and what is said."""
        ratios = [one / other for one, other in zip(times[self.name].seconds, times[self.than].seconds)]
        found = statistics.median(ratios)
        shown = f"{found:.2f} x {spread(ratios)}" if self.most >= 1 else (
            f"{1 / found:.2f} x as fast {spread([1 / one for one in ratios])}")
        met, said = verdict(found, self.most, shown)
        return met, said if met or not self.why else f"{said}: {self.why}"


@dataclass
class Absolute:
    """A bar: so many milliseconds, and so much memory."""

    name: str
    milliseconds: float
    mib: float | None = None

    def __str__(self):
        memory = f", {self.mib:g} MiB" if self.mib else ""
        return f"{self.name}: under {self.milliseconds:g} ms{memory}"

    def judge(self, times):
        """Whether it is met, and what is said."""
        found = statistics.median(times[self.name].seconds) * 1000
        met, said = verdict(found, self.milliseconds, f"{found:.1f} ms")
        if self.mib:
            memory = times[self.name].mib
            within, more = verdict(memory, self.mib, f"{memory:.1f} MiB")
            met, said = met and within, f"{said}; {more}"
        return met, said


@dataclass
class Taken:
    """What the runs of a contender took."""

    seconds: list = field(default_factory=list)
    mib: float = float("inf")  # the most memory, where it was asked for


def verdict(found, most, shown):
    """`met`, or by how much not."""
    if found <= most:
        return True, f"{shown}: met"
    return False, f"{shown}: missed by {(found / most - 1) * 100:.0f} %"


def spread(values):
    """The quartiles, in brackets."""
    if len(values) < 3:
        return "(" + " to ".join(f"{value:.2f}" for value in sorted(values)) + ")"
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return f"({first:.2f} to {third:.2f})"


def once(contender):
    """How many seconds one run takes."""
    if contender.read:
        return contender.read()
    if contender.before:
        contender.before()
    started = time.perf_counter()
    if contender.function:
        contender.function()
        return time.perf_counter() - started
    with tempfile.TemporaryFile() as said:
        code = subprocess.call(
            [str(word) for word in contender.command], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            env={**os.environ, **contender.environment},
        )
        took = time.perf_counter() - started
        if code not in contender.codes:
            said.seek(0)
            words = said.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{contender.name} ended with {code}:\n{words}")
    return took


def memory(contender):
    """The most memory of a run, in MiB. GNU time starts it: a child of Python's begins with Python's."""
    with tempfile.NamedTemporaryFile("r") as said:
        command = ["/usr/bin/time", "--quiet", "--format", "%M", "--output", said.name, *contender.command]
        subprocess.call([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return int(said.read()) / 1024


def interleaved(contenders, bars, rounds):
    """All of them in turn, round by round; the first round is not counted. By name."""
    times = {contender.name: Taken() for contender in contenders}
    for round_ in range(rounds + 1):
        for contender in contenders:
            seconds = once(contender)
            if round_ > 0:
                times[contender.name].seconds.append(seconds)
    for contender in contenders:
        if any(bar.name == contender.name and getattr(bar, "mib", None) for bar in bars):
            times[contender.name].mib = memory(contender)
    return times


def show(name, title, bars, times):
    """Prints a row; whether all its bars are met."""
    print(f"\n{name}: {title}")
    width = max(len(one) for one in times)
    for one, taken in times.items():
        print(f"  {one:{width}}  {statistics.median(taken.seconds):8.3f} s {spread(taken.seconds)}")
    every = True
    for bar in bars:
        if bar.name in times and getattr(bar, "than", bar.name) in times:
            met, said = bar.judge(times)
            every &= met
            print(f"  {bar}\n    {said}", flush=True)
        else:
            every = False
            print(f"  {bar}\n    not run", flush=True)
    return every


def machine():
    """Where and when."""
    with open("/proc/cpuinfo") as about:
        models = [line.split(":", 1)[1].strip() for line in about if line.startswith("model name")]
    load = os.getloadavg()[0]
    when = datetime.datetime.now().strftime("%Y-%m-%d %H:%M")
    model = models[0] if models else platform.machine()
    return f"{when}, {os.cpu_count()} x {model}, Linux {platform.release()}, load {load:.1f}"
