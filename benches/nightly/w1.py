"""Two nights of a council tax extract through the hub and through the floor, in rounds, paired.

Each round gives every peer a fresh database, and takes them in another order. CPU is the program's own
and, with PostgreSQL, that of all the server's processes; the time of the wall is written down and not
compared. Standard library only; started by `run`.
"""

import argparse
import contextlib
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
from postgres_server import server_cpu, sql  # noqa: E402

RUN_SECONDS_MAX = 3600

# Which floor each of the hub's figures is held against, and how many times it may cost.
# There is one floor that skips unchanged records unparsed, on SQLite: both second nights have it.
AGAINST = {
    ("viaduct-sqlite", 1): ("floor-sqlite-outbox", 2.0),
    ("viaduct-pg", 1): ("floor-pg-outbox", 2.0),
    ("viaduct-sqlite", 2): ("floor-rawsqlite-outbox", 2.5),
    ("viaduct-pg", 2): ("floor-rawsqlite-outbox", 2.5),
}
PEAK_MB_MAX = 100


def main():
    options = arguments()
    scratch = Path(options.scratch)
    data = generate(options, scratch / "data")
    peers = {
        "floor-sqlite-outbox": Floor(options, "sqlite"),
        "floor-rawsqlite-outbox": Floor(options, "rawsqlite"),
        "floor-pg-outbox": Floor(options, "pg"),
        "viaduct-sqlite": Hub(options, "sqlite"),
        "viaduct-pg": Hub(options, "pg"),
    }
    if options.only:
        peers = {name: peers[name] for name in options.only.split(",")}
    if os.getloadavg()[0] > 0.5:
        print(f"this machine is busy (load {os.getloadavg()[0]:.1f}): trust ratios only", file=sys.stderr)

    results, faults = [], []
    out = scratch / f"w1-{options.accounts}-{time.strftime('%Y%m%dT%H%M%S')}.jsonl"
    with out.open("w") as lines:
        for round_number in range(options.rounds):
            order = list(peers)
            turn = round_number % len(order)
            for name in order[turn:] + order[:turn]:
                for one in two_nights(peers[name], data, options):
                    one.update(peer=name, round=round_number, accounts=options.accounts)
                    faults += one.pop("faults")
                    results.append(one)
                    print(json.dumps(one), file=lines, flush=True)
                    print(f"round {round_number + 1}: {name} night {one['night']}:"
                          f" {one['cpu'] + one['pg_cpu']:.2f} s of CPU", file=sys.stderr)
    table(results, options)
    print(f"\nevery figure: {out}")
    for fault in faults:
        print(f"WRONG: {fault}", file=sys.stderr)
    return 1 if faults else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="peers, with commas between")
    needed = ("definitions", "viaduct", "generator", "floor", "scratch", "postgres", "postmaster")
    for name in needed:
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


class Night:
    """One extract, and what must be found in it."""

    def __init__(self, number, path, truth, before):
        self.number, self.path = number, path
        kinds = {}
        for line in truth.read_text().splitlines():
            kind, account = line.split("\t")
            kinds.setdefault(kind, set()).add(account)
        gone, new = kinds.get("dropped", set()), kinds.get("new", set())
        # What was dropped or is new was not also changed, whatever was done to it on the way.
        changed = (kinds.get("changed", set()) | kinds.get("closed", set())) - gone - new
        self.rows = before + len(new) - len(gone)
        if number == 1:
            self.counts = (self.rows, self.rows, 0, 0, 0)
        else:
            unchanged = before - len(changed) - len(gone)
            self.counts = (self.rows, len(new), len(changed), unchanged, len(gone))


def generate(options, folder):
    """Both extracts, made once."""
    folder.mkdir(parents=True, exist_ok=True)
    nights, rows = [], options.accounts
    for number in (1, 2):
        path = folder / f"ctax-{options.accounts}-s1-n{number}.xml"
        truth = folder / f"truth-{options.accounts}-{number}.tsv"
        if not (path.exists() and truth.exists()):
            print(f"generating night {number} of {options.accounts} accounts", file=sys.stderr)
            making = truth.with_suffix(".part")
            subprocess.run(
                [sys.executable, options.generator, "--out", folder, "-n", str(options.accounts),
                 "--night", str(number), "--formats", "xml", "--truth", making],
                check=True, stdout=subprocess.DEVNULL)
            making.rename(truth)
        nights.append(Night(number, path, truth, rows))
        rows = nights[-1].rows
    return nights


class Peer:
    def __init__(self, options, database):
        self.options, self.database = options, database
        self.work = Path(options.scratch) / "work"
        self.file = self.work / "nightly.db"
        self.on_postgres = database == "pg"

    def fresh(self):
        """An empty database; nothing is left over from whoever ran before."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        sql(self.options.postgres, "DROP DATABASE IF EXISTS nightly")
        if self.on_postgres:
            sql(self.options.postgres, "CREATE DATABASE nightly TEMPLATE template0")
        sql(self.options.postgres, "CHECKPOINT")
        os.sync()

    def url(self):
        return self.options.postgres.rpartition("/")[0] + "/nightly"

    def place(self, night):
        pass

    def environment(self):
        return os.environ

    def check(self, night):
        return []


class Floor(Peer):
    """The least work that could pass, on the given store."""

    def command(self, night):
        to = self.url() if self.on_postgres else str(self.file)
        return [self.options.floor, self.database, str(night.path), to, "fat"]


class Hub(Peer):
    """The program as an operator runs it."""

    def fresh(self):
        super().fresh()
        for folder in ("drop", "nothing"):
            (self.work / folder).mkdir()

    def place(self, night):
        """The hub moves what it has read: it is given a name for the file and not the file."""
        to = self.work / "drop" / night.path.name
        try:
            os.link(night.path, to)
        except OSError:
            shutil.copyfile(night.path, to)

    def environment(self):
        nothing = str(self.work / "nothing")
        return dict(
            os.environ,
            VIADUCT_DEFINITIONS=self.options.definitions,
            REVENUES_DROP=str(self.work / "drop"),
            PUBLIC_URL="http://127.0.0.1:8480",
            # Named by other definitions; nothing is read or sent here.
            BENEFITS_DROP=nothing, NOTIFY_URL="http://127.0.0.1:9", NOTIFY_API_KEY="unused")

    def command(self, night):
        url = self.url() if self.on_postgres else f"sqlite:{self.file}"
        return [self.options.viaduct, "--database", url, "run", "ingest-revenues", "--json"]

    def check(self, night):
        """The batch as its table has it, against what the generator says it did."""
        ask = ("SELECT rows_in, records_new, records_changed, records_unchanged, records_gone"
               " FROM batch WHERE state = 'closed' ORDER BY id")
        if self.on_postgres:
            rows = [tuple(map(int, row.split("|"))) for row in sql(self.url(), ask).splitlines()]
        else:
            with contextlib.closing(sqlite3.connect(self.file)) as database:
                rows = database.execute(ask).fetchall()
        if len(rows) == night.number and rows[-1] == night.counts:
            return []
        names = "rows in, new, changed, unchanged, gone"
        found = rows[-1] if rows else "none"
        return [f"viaduct-{self.database} night {night.number}: {len(rows)} closed batches, the last"
                f" ({names}) {found}; the truth is {night.counts}"]


def two_nights(peer, data, options):
    peer.fresh()
    for night in data:
        peer.place(night)
        one = measure(peer.command(night), peer.environment(), options)
        one["night"] = night.number
        said = one.pop("said")
        if one["status"] != 0:
            one["faults"] = [f"{' '.join(map(str, peer.command(night)))} ended with"
                             f" {one['status']}: {said[-2000:]}"]
            yield one
            return
        one["faults"] = peer.check(night)
        yield one


def measure(command, environment, options):
    log = Path(options.scratch) / "work" / "output"
    with log.open("wb") as output:
        pg_before, began = server_cpu(options), time.monotonic()
        child = subprocess.Popen(command, env=environment, cwd=options.definitions,
                                 stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        ends = time.monotonic() + RUN_SECONDS_MAX
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > ends:
                child.kill()
            time.sleep(0.02)
        wall = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    # A connection's process ends a moment after its client.
    time.sleep(0.2)
    return {
        "cpu": round(usage.ru_utime + usage.ru_stime, 3),
        "pg_cpu": round(server_cpu(options) - pg_before, 2),
        "wall": round(wall, 3),
        # Under some 12 MB this is our own size, from before the program was loaded.
        "peak_mb": round(usage.ru_maxrss / 1024, 1),
        "load": os.getloadavg()[0],
        "status": child.returncode,
        "said": log.read_text(errors="replace"),
    }


def table(results, options):
    print(f"\nW1, {options.accounts} accounts, {options.rounds} rounds: medians\n")
    print("| program | night | CPU s | of which PostgreSQL | peak MB | wall s | against its floor | goal |")
    print("|---|---|---|---|---|---|---|---|")
    for night in (1, 2):
        for peer in dict.fromkeys(one["peer"] for one in results):
            mine = rounds_of(results, peer, night)
            if not mine:
                continue
            middle = {key: statistics.median(one[key] for one in mine.values())
                      for key in ("pg_cpu", "peak_mb", "wall")}
            cpu = statistics.median(total(one) for one in mine.values())
            ratio, goal = against(results, peer, night, mine, middle["peak_mb"])
            print(f"| {peer} | {night} | {cpu:.2f} | {middle['pg_cpu']:.2f} | {middle['peak_mb']:.0f}"
                  f" | {middle['wall']:.1f} | {ratio} | {goal} |")


def rounds_of(results, peer, night):
    return {one["round"]: one for one in results
            if (one["peer"], one["night"], one["status"]) == (peer, night, 0)}


def total(one):
    return one["cpu"] + one["pg_cpu"]


def against(results, peer, night, mine, peak_mb):
    """The median of the ratios of each round, and whether the goals are met."""
    if (peer, night) not in AGAINST:
        return "", ""
    floor, most = AGAINST[peer, night]
    theirs = rounds_of(results, floor, night)
    ratios = [total(one) / total(theirs[number]) for number, one in mine.items() if number in theirs]
    missed = [] if peak_mb < PEAK_MB_MAX else [f"peak under {PEAK_MB_MAX} MB: missed"]
    if not ratios:
        return "", "; ".join(missed)
    ratio = statistics.median(ratios)
    met = "met" if ratio <= most else "missed"
    return f"{ratio:.2f}x {floor}", "; ".join([f"{most}x: {met}", *missed])


if __name__ == "__main__":
    sys.exit(main())
