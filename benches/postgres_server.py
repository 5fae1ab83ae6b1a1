"""The PostgreSQL server that programs are measured on: what it is told, and what it costs. Standard library only."""

import os
import subprocess
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def server_cpu(options):
    """User and system seconds of the server: its living processes and those it has seen end."""
    with open(options.postmaster) as lines:
        todo = [int(lines.readline())]
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := stat(entry)):
            parents.setdefault(int(fields[1]), []).append(int(entry))
    ticks = 0
    while todo:
        pid = todo.pop()
        todo += parents.get(pid, [])
        if fields := stat(pid):
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICK


def stat(pid):
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2:].split()


def sql(url, text):
    done = subprocess.run(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", text],
                          check=True, capture_output=True, text=True)
    return done.stdout


def cpu(pid):
    """User and system seconds of one process."""
    fields = stat(pid)
    return sum(int(field) for field in fields[11:13]) / TICK if fields else 0
