"""The same accounts in four formats: the same residents and accounts, and what each costs.

Two costs are measured. What the format itself costs (its records cut out and read, in one process, one
format after the other) is held against XML's. A whole run, with the mapping and the database behind it,
is written down beside it: each round gives every format a fresh database, and takes them in another
order. Standard library only; started by `run`.
"""

import argparse
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
from pathlib import Path

FORMATS = {"xml": "xml", "csv": "csv", "fixed_width": "dat", "json_lines": "jsonl"}
# How much of what XML costs a record each may cost.
MOST = {"csv": 0.7, "json_lines": 0.7, "fixed_width": 1.0}


def main():
    options = arguments()
    scratch = Path(options.scratch)
    data = generate(options, scratch / "data")
    cpu, said = {name: [] for name in FORMATS}, {}
    for turn in range(options.rounds):
        order = list(FORMATS)
        for name in order[turn % 4:] + order[:turn % 4]:
            work = scratch / "formats"
            seconds = ingest(options, name, data[name], work)
            cpu[name].append(seconds)
            print(f"round {turn + 1}: {name} {seconds:.2f} s of CPU", file=sys.stderr)
            if name not in said:
                said[name] = content(work / "hub.db")
    faults = compare(said)
    reading = read_alone(options, data)
    print(f"\n{options.accounts} accounts, {options.rounds} rounds: medians\n")
    print("| format | cut, µs a record | cut and read | against XML | goal | whole run, CPU s | against XML |")
    print("|---|---|---|---|---|---|---|")
    for name, seconds in cpu.items():
        ratio = statistics.median(mine / xml for mine, xml in zip(seconds, cpu["xml"]))
        cut, read = (statistics.median(one[name][place] for one in reading) for place in (0, 1))
        alone = statistics.median(one[name][1] / one["xml"][1] for one in reading)
        goal = f"{MOST[name]}: {'met' if alone <= MOST[name] else 'missed'}" if name in MOST else ""
        middle = statistics.median(seconds)
        print(f"| {name} | {cut:.2f} | {read:.2f} | {alone:.2f} | {goal} | {middle:.2f} | {ratio:.2f} |")
    for name, (accounts, parties, residents) in said.items():
        print(f"{name}: {len(accounts)} accounts, {len(parties)} parties, {residents} residents")
    for fault in faults:
        print(f"WRONG: {fault}", file=sys.stderr)
    return 1 if faults else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    for name in ("manifest", "definitions", "viaduct", "generator", "scratch"):
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


def generate(options, folder):
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"ctax-{options.accounts}-s1-n1.{end}" for name, end in FORMATS.items()}
    if not all(path.exists() for path in files.values()):
        print(f"generating {options.accounts} accounts", file=sys.stderr)
        subprocess.run([sys.executable, options.generator, "--out", folder, "-n", str(options.accounts),
                        "--night", "1"], check=True, stdout=subprocess.DEVNULL)
    return files


def read_alone(options, data):
    """What each format costs by itself, once a round: `{format: (cut, cut and read)}` in µs a record."""
    rounds = []
    for _ in range(options.rounds):
        files = [f"{name}={data[name]}" for name in FORMATS]
        said = subprocess.run(
            ["cargo", "bench", "--quiet", "--manifest-path", options.manifest, "--bench", "reading", "--",
             options.definitions, *files],
            check=True, capture_output=True, text=True).stdout
        lines = (line.split() for line in said.splitlines() if line.strip())
        rounds.append({name: (float(cut), float(read)) for name, cut, read in lines})
    return rounds


def ingest(options, name, path, work):
    """One run as an operator starts it; gives user and system seconds."""
    shutil.rmtree(work, ignore_errors=True)
    drop = work / "drop"
    drop.mkdir(parents=True)
    shutil.copyfile(path, drop / path.name)
    os.sync()
    command = [options.viaduct, "--database", f"sqlite:{work / 'hub.db'}", "run", name]
    environment = dict(os.environ, VIADUCT_DEFINITIONS=options.definitions, BENCH_DROP=str(drop))
    with (work / "output").open("wb") as output:
        child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{name} ended with {child.returncode}: {(work / 'output').read_text()[-2000:]}")
    return usage.ru_utime + usage.ru_stime


def content(file):
    """What the hub knows when it has read the file, without numbers that are its own."""
    with sqlite3.connect(file) as database:
        accounts = dict(database.execute(
            "SELECT k.key, a.kind || a.facts FROM account a JOIN source_key k ON k.id = a.id"))
        parties = dict(database.execute(
            "SELECT k.key || '/' || p.key, p.role || p.facts FROM party p"
            " JOIN source_key k ON k.id = p.source_key_id"))
        shared = database.execute(
            "SELECT group_concat(name) FROM (SELECT p.resident_id, k.key || '/' || p.key AS name"
            " FROM party p JOIN source_key k ON k.id = p.source_key_id ORDER BY name)"
            " GROUP BY resident_id HAVING count(*) > 1 ORDER BY 1").fetchall()
        residents, = database.execute("SELECT count(*) FROM resident").fetchone()
    return accounts, parties, (residents, shared)


def compare(said):
    """What a format says that XML says differently. The fixed-width file is in Windows-1252 and the
    generator writes `?` for a letter that it lacks: such a letter is no difference."""
    faults = []
    for name, (accounts, parties, residents) in said.items():
        theirs = said["xml"]

        def same(one, other):
            if name == "fixed_width":
                one, other = (text.encode("cp1252", "replace") for text in (one, other))
                return one.lower() == other.lower()
            return one == other

        for what, mine, xml in (("account", accounts, theirs[0]), ("party", parties, theirs[1])):
            if mine.keys() != xml.keys():
                faults.append(f"{name}: {len(mine.keys() ^ xml.keys())} {what} keys are not those of XML")
            differing = [key for key in mine.keys() & xml.keys() if not same(mine[key], xml[key])]
            if differing:
                key = min(differing)
                faults.append(f"{name}: {len(differing)} of {what} differ, e.g. {key}:\n"
                              f"  {mine[key]}\n  {xml[key]}")
        if residents != theirs[2]:
            faults.append(f"{name}: {residents[0]} residents, XML gives {theirs[2][0]}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
