"""What leaving costs, in rounds, paired: a queue drained to nobody on PostgreSQL beside a floor and a worker
that people use (W2), and pushes over HTTP to a sink beside a client that stores nothing (W3).

The hub is `viaduct serve` as an operator runs it: gate, order per resident, attempts and outcomes written
down. CPU is a program's own and all of the database server's; a sink's is nobody's. Standard library
only; started by `run`.
"""

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
from postgres_server import server_cpu, sql  # noqa: E402

RUN_SECONDS_MAX = 600
IDLE_STARTS = 200
# A program that has just begun asks PostgreSQL each question for the first time: it is not idle yet.
IDLE_FIRST = 8

GOALS = """
W2: as fast as graphile-worker's local queue; at most 1.5 times the floor's CPU a delivery; at least 0.8 of the
rate with a backlog; idle start's p99 under graphile-worker's.
W3: at most 3 times the floor's CPU; with faults none lost, none altered, at most 1.06 posts a delivery."""


def main():
    options = arguments()
    if os.getloadavg()[0] > 0.5:
        print(f"this machine is busy (load {os.getloadavg()[0]:.1f}): trust ratios only", file=sys.stderr)
    peers = {
        "w2-floor": w2_floor, "w2-graphile": w2_graphile, "w2-viaduct": w2_viaduct,
        "w2-viaduct-backlog": w2_backlog, "w2-idle-graphile": idle_graphile, "w2-idle-viaduct": idle_viaduct,
        "w3-floor": w3_peer, "w3-aiohttp": w3_peer, "w3-viaduct-sqlite": w3_viaduct, "w3-viaduct-pg": w3_viaduct,
    }
    wanted = options.only.split(",") if options.only else list(peers)
    results, faults = [], []
    out = Path(options.scratch) / f"deliveries-{time.strftime('%Y%m%dT%H%M%S')}.jsonl"
    with out.open("w") as lines:
        for number in range(options.rounds):
            turn = number % len(wanted)
            for name in wanted[turn:] + wanted[:turn]:
                for percent in ((0, 2) if name.startswith("w3") else (0,)):
                    bench = Bench(options)
                    with contextlib.ExitStack() as stack:
                        one = peers[name](bench, name, percent, stack)
                    one.update(peer=name, round=number, faults_percent=percent, load=os.getloadavg()[0])
                    faults += [f"{name}: {fault}" for fault in one.pop("wrong", [])]
                    results.append(one)
                    print(json.dumps(one), file=lines, flush=True)
                    print(f"round {number + 1}: {json.dumps(one)}", file=sys.stderr)
    table(results)
    print(GOALS)
    print(f"\nevery figure: {out}")
    for fault in faults:
        print(f"WRONG: {fault}", file=sys.stderr)
    return 1 if faults else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drain", type=int, default=50_000)
    parser.add_argument("--push", type=int, default=20_000)
    parser.add_argument("--backlog", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="peers, with commas between")
    for name in ("definitions", "viaduct", "bench", "floors", "scratch", "postgres", "postmaster"):
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


class Bench:
    """A fresh folder and a fresh database."""

    def __init__(self, options):
        self.options = options
        self.scratch = Path(options.scratch)
        self.work = self.scratch / "deliveries"
        shutil.rmtree(self.work, ignore_errors=True)
        (self.work / "drop").mkdir(parents=True)
        sql(options.postgres, "DROP DATABASE IF EXISTS deliveries WITH (FORCE)")
        sql(options.postgres, "CREATE DATABASE deliveries TEMPLATE template0")
        sql(options.postgres, "CHECKPOINT")
        os.sync()
        self.on_postgres = True
        self.sink_url = "http://127.0.0.1:9/push"

    @property
    def url(self):
        if self.on_postgres:
            return self.options.postgres.rpartition("/")[0] + "/deliveries"
        return f"sqlite:{self.work / 'hub.db'}"

    def keywords(self):
        """The database in libpq's other notation, which the floor reads."""
        found = re.match(r"postgres(?:ql)?://([^@]+)@([^:]+):(\d+)/(\w+)", self.url)
        return "user={} host={} port={} dbname={}".format(*found.groups())

    def environment(self):
        host = self.sink_url.removeprefix("http://").partition("/")[0]
        return dict(os.environ, VIADUCT_DEFINITIONS=self.options.definitions, PEOPLE_DROP=str(self.work / "drop"),
                    SINK_URL=self.sink_url, SINK_HOST=host, PGURL=self.url)

    def viaduct(self, *words):
        return [self.options.viaduct, "--database", self.url, *words]

    def rows(self, ask):
        if self.on_postgres:
            return [row.split("|") for row in sql(self.url, ask).splitlines()]
        with contextlib.closing(sqlite3.connect(self.work / "hub.db", timeout=30)) as database:
            return [[str(cell) for cell in row] for row in database.execute(ask)]

    def fill(self, many, band):
        """So many deliveries that wait, made by the hub itself from an extract. It has been served before: the queue
        has its tables, as the floor's has."""
        log = self.work / "first.log"
        with log.open("wb") as said:
            first = subprocess.Popen(self.viaduct("serve", "--listen", "127.0.0.1:0"), env=self.environment(),
                                     stdout=said, stderr=subprocess.STDOUT)
            while first.poll() is None and b"the API answers" not in log.read_bytes():
                time.sleep(0.05)
            first.send_signal(signal.SIGTERM)
            assert first.wait() == 0, log.read_text()[-2000:]
        with (self.work / "drop" / "aside").open("w") as text:
            text.write("ref,kind,forename,surname,owes\n")
            for number in range(many):
                text.write(f"P{number:07},{band},Arden,Testberry,{number % 900}.50\n")
        (self.work / "drop" / "aside").rename(self.work / "drop" / "people-1.csv")
        done = subprocess.run(self.viaduct("run", "ingest-people"), env=self.environment(), capture_output=True)
        assert done.returncode == 0, done.stderr.decode()[-2000:]

    def drain(self, destination, many, stack):
        """Serves until so many have come to their end; gives the cost, and the rate between the first
        intent and the last outcome."""
        log = (self.work / "serve.log").open("wb")
        looks = Looks(self, stack)
        before = server_cpu(self.options) if self.on_postgres else 0
        began = time.monotonic()
        child = subprocess.Popen(self.viaduct("serve", "--listen", "127.0.0.1:0"), env=self.environment(),
                                 stdout=log, stderr=subprocess.STDOUT)
        stack.callback(child.kill)
        # As it is counted, or by the index of what is open: a look through all deliveries each time is a cost of its
        # own, and takes the server from what is measured.
        ask = (f"SELECT COUNT(*) FROM (SELECT 1 FROM traffic WHERE destination = '{destination}'"
               f" GROUP BY destination HAVING SUM(sent) >= {many}) x"
               ) if many < self.waiting else (
               f"SELECT COUNT(*) FROM (SELECT 1 FROM delivery WHERE destination = '{destination}'"
               " AND state IN ('waiting', 'unknown', 'accepted', 'offered', 'held') AND settled_ms IS NULL LIMIT 1) x")
        until = "1" if many < self.waiting else "0"
        while child.poll() is None and time.monotonic() - began < RUN_SECONDS_MAX:
            time.sleep(0.25)
            if looks.one(ask) == until:
                break
        child.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        time.sleep(0.3)
        pg = server_cpu(self.options) - before if self.on_postgres else 0
        # One that delivered at once stands in its delivery's row.
        ask = ("SELECT COUNT(*), MIN(intent_ms), MAX(ended_ms) FROM (SELECT a.intent_ms, a.ended_ms FROM delivery_attempt a"
               f" JOIN delivery d ON d.id = a.delivery_id WHERE d.destination = '{destination}' UNION ALL"
               " SELECT intent_ms, settled_ms FROM delivery"
               f" WHERE destination = '{destination}' AND intent_ms IS NOT NULL) x")
        attempts, first, last = (int(float(cell)) for cell in self.rows(ask)[0])
        ended = int(self.rows("SELECT COUNT(*) FROM delivery WHERE state = 'delivered'"
                              f" AND destination = '{destination}'")[0][0])
        wrong = [] if child.returncode == 0 else [(self.work / "serve.log").read_text()[-2000:]]
        return {
            "many": ended, "cpu": round(usage.ru_utime + usage.ru_stime, 3), "pg_cpu": round(pg, 2),
            "rate": round(ended / max((last - first) / 1000, 0.001)),
            "peak_mb": round(usage.ru_maxrss / 1024, 1), "attempts": attempts, "wrong": wrong,
        }


class Looks:
    """Looks at a database that others work on: on PostgreSQL by one connection, made beforehand, since each costs the
    server as much as hundreds of deliveries."""

    def __init__(self, bench, stack):
        self.bench, self.psql = bench, None
        if bench.on_postgres:
            self.psql = subprocess.Popen(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", bench.url],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.callback(self.psql.wait)
            stack.callback(self.psql.stdin.close)
            assert self.one("SET enable_seqscan TO off; SELECT 1") == "1"

    def one(self, ask):
        """The one figure that is asked for; none where the database is busy."""
        if self.psql:
            self.psql.stdin.write(f"{ask};\n")
            self.psql.stdin.flush()
            return self.psql.stdout.readline().strip()
        try:
            return self.bench.rows(ask)[0][0]
        except sqlite3.OperationalError:
            return None


def w2_floor(bench, _name, _percent, _stack):
    floor = str(Path(bench.options.floors) / "w2floor")
    run(bench, [floor, bench.keywords(), "enqueue", str(bench.options.drain)])
    one = run(bench, [floor, bench.keywords(), "drain", "100", "4"])
    return dict(one, many=bench.options.drain, rate=rate(one["said"]))


def w2_graphile(bench, _name, _percent, _stack):
    peer = ["node", str(Path(bench.options.bench) / "w2_graphile.mjs")]
    run(bench, [*peer, "enqueue", "1"])
    run(bench, [*peer, "drain", "1"])
    run(bench, [*peer, "enqueue", str(bench.options.drain)])
    one = run(bench, ["env", "GW_LOCALQUEUE=1", *peer, "drain", "24"])
    return dict(one, many=bench.options.drain, rate=rate(one["said"]))


def w2_viaduct(bench, _name, _percent, stack):
    many = bench.waiting = bench.options.drain
    bench.fill(many, "A")
    return checked(bench.drain("nobody", many, stack), many)


def w2_backlog(bench, _name, _percent, stack):
    bench.waiting = bench.options.backlog
    bench.fill(bench.waiting, "A")
    return bench.drain("nobody", bench.options.drain, stack)


def checked(one, many):
    if (one["many"], one["attempts"]) != (many, many):
        one["wrong"].append(f"{one['many']} delivered in {one['attempts']} attempts, of {many}")
    return one


def idle_graphile(bench, _name, _percent, _stack):
    peer = ["node", str(Path(bench.options.bench) / "w2_graphile.mjs")]
    said = run(bench, [*peer, "latency", str(IDLE_STARTS)])["said"]
    found = re.search(r"p50 ([\d.]+) p99 ([\d.]+)", said)
    return {"p50": float(found[1]), "p99": float(found[2])}


def idle_viaduct(bench, _name, _percent, stack):
    """A copy of a delivery is put in, as another node's resolving would, and how long it takes until its
    outcome is known: the intent is on disk by then, and it has been sent."""
    bench.waiting = IDLE_STARTS
    bench.fill(IDLE_STARTS, "A")
    bench.drain("nobody", IDLE_STARTS, stack)
    log = (bench.work / "serve.log").open("ab")
    child = subprocess.Popen(bench.viaduct("serve", "--listen", "127.0.0.1:0"), env=bench.environment(),
                             stdout=log, stderr=subprocess.STDOUT)
    stack.callback(child.kill)
    time.sleep(1.5)
    columns = [row[0] for row in bench.rows(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'delivery' ORDER BY 1")]
    fresh = {"id": "(SELECT MAX(id) + 1 FROM delivery)", "reference": "reference || clock_timestamp()",
             "state": "'waiting'", "attempts": "0", "intents": "0", "polls": "0", "settled_ms": "NULL",
             "cause_code": "NULL", "cause": "NULL", "platform_id": "NULL", "platform_status": "NULL", "next_ms": "0",
             "intent_ms": "NULL",
             # Whoever is not known is written nothing; and nobody's waits for the one before.
             "resident_id": "(SELECT id FROM resident ORDER BY id"
                            f" OFFSET (SELECT COUNT(*) FROM delivery) % {IDLE_STARTS} LIMIT 1)",
             "created_ms": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"}
    values = ", ".join(fresh.get(column, column) for column in columns)
    put = (f"INSERT INTO delivery ({', '.join(columns)}) SELECT {values} FROM delivery ORDER BY id LIMIT 1;"
           " INSERT INTO delivery_message (delivery_id, batch_id, resident_id, message) SELECT d.id, d.batch_id, d.resident_id,"
           " (SELECT message FROM delivery_message ORDER BY delivery_id LIMIT 1) FROM delivery d ORDER BY d.id DESC LIMIT 1;"
           " NOTIFY viaduct_delivery;\n")
    teller = subprocess.Popen(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", bench.url],
                              stdin=subprocess.PIPE, text=True)
    for _ in range(IDLE_FIRST + IDLE_STARTS):
        teller.stdin.write(f"BEGIN; {put} COMMIT;\n")
        teller.stdin.flush()
        time.sleep(0.025 + random.random() * 0.02)
    teller.stdin.close()
    teller.wait()
    time.sleep(1)
    child.send_signal(signal.SIGTERM)
    child.wait()
    took = sorted(int(row[0]) for row in bench.rows(
        "SELECT settled_ms - created_ms FROM delivery WHERE state = 'delivered' ORDER BY id"
        f" OFFSET {IDLE_STARTS + IDLE_FIRST}"))
    wrong = [] if len(took) == IDLE_STARTS else [f"{len(took)} of {IDLE_STARTS} were sent"]
    # Whole milliseconds, so that the middle of one is added.
    return {"p50": took[len(took) // 2] + 0.5, "p99": took[len(took) * 99 // 100] + 0.5, "wrong": wrong}


def w3_peer(bench, name, percent, stack):
    sink = Sink(bench, percent, stack)
    many = str(bench.options.push)
    command = {
        "w3-floor": [str(Path(bench.options.floors) / "w3floor"), sink.url, many, "50"],
        "w3-aiohttp": [str(bench.scratch / ".peers/venv/bin/python"), str(Path(bench.options.bench) / "w3_python.py"),
                       "aiohttp", sink.url, many, "50"],
    }[name]
    one = run(bench, command)
    return dict(one, many=bench.options.push, rate=rate(one["said"]), pg_cpu=0, sink=sink.stats())


def w3_viaduct(bench, name, percent, stack):
    bench.on_postgres = name.endswith("pg")
    sink = Sink(bench, percent, stack)
    bench.sink_url = sink.url
    many = bench.waiting = bench.options.push
    bench.fill(many, "B")
    one = bench.drain("told", many, stack)
    one["sink"] = sink.stats()
    if (one["many"], one["sink"]["keys"]) != (many, many):
        one["wrong"].append(f"{one['many']} delivered, {one['sink']['keys']} arrived, of {many}")
    if one["sink"]["requests"] > many * 1.06:
        one["wrong"].append(f"{one['sink']['requests']} posts for {many}")
    if one["sink"]["ok"] != one["sink"]["keys"]:
        one["wrong"].append(f"{one['sink']['ok']} taken for {one['sink']['keys']} keys")
    return one


class Sink:
    """The yardstick's own: it counts, and honours nothing."""

    PORT = 28003

    def __init__(self, bench, percent, stack):
        program = str(Path(bench.options.floors) / "sink")
        child = subprocess.Popen([program, str(self.PORT), str(percent), str(percent)])
        stack.callback(child.wait)
        stack.callback(child.kill)
        self.url = f"http://127.0.0.1:{self.PORT}/push"
        for _ in range(100):
            with contextlib.suppress(OSError):
                self.stats()
                return
            time.sleep(0.05)
        raise AssertionError("the sink does not answer")

    def stats(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.PORT}/stats") as answer:
            words = answer.read().decode().split()
        return {name: int(value) for name, value in zip(words[::2], words[1::2])}


def run(bench, command):
    before = server_cpu(bench.options)
    log = bench.work / "output"
    with log.open("wb") as output:
        child = subprocess.Popen(command, env=bench.environment(), cwd=bench.scratch,
                                 stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    time.sleep(0.3)
    said = log.read_text(errors="replace")
    return {
        "cpu": round(usage.ru_utime + usage.ru_stime, 3), "pg_cpu": round(server_cpu(bench.options) - before, 2),
        "said": said[-300:], "wrong": [] if child.returncode == 0 else [f"{command}: {said[-2000:]}"],
    }


def rate(said):
    return int(re.search(r"([\d.]+)/s", said)[1])


def table(results):
    print("\nmedians of the rounds\n")
    print("| program | faults | each costs, us | of which PostgreSQL | a second | against its floor | posts each |")
    print("|---|---|---|---|---|---|---|")
    for peer, percent in dict.fromkeys((one["peer"], one["faults_percent"]) for one in results):
        mine = [one for one in results if (one["peer"], one["faults_percent"]) == (peer, percent)]
        if "p50" in mine[0]:
            middle = [statistics.median(one[key] for one in mine) for key in ("p50", "p99")]
            print(f"| {peer} | | idle start: p50 {middle[0]:.1f} ms, p99 {middle[1]:.1f} ms | | | | |")
            continue
        cost = statistics.median(each(one) for one in mine)
        server = statistics.median(one["pg_cpu"] / one["many"] * 1e6 for one in mine)
        speed = statistics.median(one["rate"] for one in mine)
        floor = {one["round"]: one for one in results
                 if one["peer"] == f"{peer[:2]}-floor" and one["faults_percent"] == percent}
        ratios = [each(one) / each(floor[one["round"]]) for one in mine if one["round"] in floor]
        against = f"{statistics.median(ratios):.2f}x" if ratios else ""
        posts = max((one["sink"]["requests"] / one["many"] for one in mine if "sink" in one), default=0)
        print(f"| {peer} | {percent} % | {cost:.0f} | {server:.0f} | {speed:.0f} | {against} |"
              f" {posts:.3f} |" if posts else f"| {peer} | | {cost:.0f} | {server:.0f} | {speed:.0f} | {against} | |")


def each(one):
    return (one["cpu"] + one["pg_cpu"]) / max(one["many"], 1) * 1e6


if __name__ == "__main__":
    sys.exit(main())
