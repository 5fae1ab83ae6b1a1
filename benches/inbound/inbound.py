"""What it costs to take in what systems push (W4), in rounds, paired: one record of a kilobyte a call, on disk
before its answer, by the hub as an operator runs it (a key, a name for each call) and by servers that do
nothing but store.

CPU is a program's own and all of the database server's. Standard library and `wrk`; started by `run`.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
from postgres_server import cpu, server_cpu, sql  # noqa: E402

CONNECTIONS = (16, 64)
GOALS = "W4: at most 1.5 times the PostgreSQL floor's CPU a call, and at most twice the SQLite floor's."


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    for name in ("here", "viaduct", "floor", "scratch", "postgres", "postmaster"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    if os.getloadavg()[0] > 0.5:
        print(f"this machine is busy (load {os.getloadavg()[0]:.1f}): trust ratios only", file=sys.stderr)
    results, wrong = [], 0
    out = Path(options.scratch) / f"inbound-{time.strftime('%Y%m%dT%H%M%S')}.jsonl"
    with out.open("w") as lines:
        for number in range(options.rounds):
            for name in ("floor-sqlite", "viaduct-sqlite", "floor-pg", "viaduct-pg"):
                for one in measure(options, name):
                    one.update(peer=name, round=number, load=os.getloadavg()[0])
                    wrong += one["refused"] + abs(one["kept"] - one["calls"])
                    results.append(one)
                    print(json.dumps(one), file=lines, flush=True)
                    print(f"round {number + 1}: {json.dumps(one)}", file=sys.stderr)
    print("| | connections | calls a second | CPU µs a call | of it the server's | p99 ms | times the floor's CPU |")
    print("|---|---|---|---|---|---|---|")
    for name in ("floor-sqlite", "viaduct-sqlite", "floor-pg", "viaduct-pg"):
        for many in CONNECTIONS:
            def of(key, peer=name, many=many):
                return statistics.median(r[key] for r in results if r["peer"] == peer and r["connections"] == many)
            ratio = of("us") / of("us", "floor" + name[name.index("-"):])
            print(f"| {name} | {many} | {of('rate'):,.0f} | {of('us'):.0f} | {of('us_server'):.0f} | "
                  f"{of('p99'):.1f} | {ratio:.2f} |")
    print(f"\n{GOALS}\n\nevery figure: {out}")
    return 1 if wrong else 0


def measure(options, name):
    work = Path(options.scratch) / "inbound"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    sql(options.postgres, "DROP DATABASE IF EXISTS inbound WITH (FORCE)")
    sql(options.postgres, "CREATE DATABASE inbound TEMPLATE template0")
    sql(options.postgres, "CHECKPOINT")
    os.sync()
    pg = options.postgres.rpartition("/")[0] + "/inbound"
    on_postgres, port = name.endswith("pg"), "18604"
    words, path, table = [], "/records", "inbound"
    environment = dict(os.environ, VIADUCT_DEFINITIONS=str(Path(options.here) / "definitions"))
    if name.startswith("floor"):
        command = [options.floor, port, *(("pg", pg) if on_postgres else ("sqlite", str(work / "hub.db")))]
    else:
        hub = [options.viaduct, "--database", pg if on_postgres else f"sqlite:{work / 'hub.db'}"]
        made = subprocess.run([*hub, "--json", "keys", "add", "bench", "--scope", "source:records:write"],
                              env=environment, capture_output=True, check=True)
        words, path, table = [json.loads(made.stdout)["secret"]], "/in/records", "inbox_post"
        command = [*hub, "serve", "--listen", f"127.0.0.1:{port}"]
    log = (work / "log").open("wb")
    child = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait(port)
        before = 0
        for many in CONNECTIONS:
            began = (cpu(child.pid), server_cpu(options) if on_postgres else 0)
            said = subprocess.run(
                ["wrk", "-t1", f"-c{many}", f"-d{options.seconds}s", "--latency", "-s",
                 str(Path(options.here) / "push.lua"), f"http://127.0.0.1:{port}", "--", path, *words],
                capture_output=True, text=True, check=True).stdout
            own = cpu(child.pid) - began[0]
            server = (server_cpu(options) if on_postgres else 0) - began[1]
            calls = int(re.search(r"(\d+) requests in", said)[1])
            refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
            kept = count(pg if on_postgres else work / "hub.db", table, on_postgres)
            yield {
                "connections": many, "calls": calls, "refused": int(refused[1]) if refused else 0,
                # Calls that were under way when the time was over may have been kept unanswered.
                "kept": min(kept - before, calls) if kept - before - calls <= many else kept - before,
                "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]),
                "p99": milliseconds(re.search(r"99%\s+(\S+)", said)[1]),
                "us": (own + server) / calls * 1e6, "us_server": server / calls * 1e6,
            }
            before = kept
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


def wait(port):
    for _ in range(200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("it does not listen")


def count(where, table, on_postgres):
    if on_postgres:
        return int(sql(where, f"SELECT COUNT(*) FROM {table}"))
    import sqlite3
    database = sqlite3.connect(where, timeout=30)
    try:
        return database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
    finally:
        database.close()


def milliseconds(text):
    number, unit = re.match(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1_000}[unit]


if __name__ == "__main__":
    sys.exit(main())
