"""Fills a hub with work orders and messages, signs in, and asks for each list many times."""

import argparse
import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse

BATCHES = 20
PASSWORD = "pylon teacup marigold"
VIADUCT = os.environ["VIADUCT"]
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

# Lists, with and without filters; `{held}` is a code, `{batch}` a batch.
PAGES = [
    "/", "/work-orders", "/work-orders?after=0.{middle}", "/work-orders?before=0.{middle}", "/work-orders?state=held", "/work-orders?state=waiting",
    "/work-orders?source=revenues", "/work-orders?source=crm", "/work-orders?source=none", "/work-orders?batch={batch}",
    "/work-orders?state=held&source=revenues", "/work-orders?state=held&batch={batch}", "/work-orders?code=code_unknown",
    "/work-orders?code=none", "/deliveries", "/deliveries?after={middle}", "/deliveries?before={middle}", "/deliveries?state=held",
    "/deliveries?state=held&destination=notify", "/deliveries?state=held&code=notify.refused", "/deliveries?state=unknown",
    "/deliveries?state=waiting", "/deliveries?state=delivered", "/deliveries?state=dismissed", "/deliveries?state=replaced",
    "/deliveries?batch={batch}", "/causes", "/causes/code_unknown", "/causes/notify.refused", "/unknown", "/batches",
    "/batches?job=ingest-revenues", "/batches/{batch}", "/destinations/notify", "/nodes", "/jobs", "/audit", "/bulk",
    "/work-orders/{order}", "/deliveries/{delivery}",
    # By source and day, and from the other end.
    "/work-orders?order=oldest", "/work-orders?source=revenues&order=oldest", "/work-orders?source=polled", "/work-orders?from={day}&until={day}",
    "/work-orders?from={day}&until={day}&source=crm&order=oldest", "/work-orders?older_than=1", "/work-orders?state=waiting&older_than=1",
    "/work-orders?state=held&source=revenues&from={day}&until={day}", "/work-orders?state=held&order=oldest", "/work-orders?code=code_unknown&source=crm",
    "/work-orders?code=missing&until={day}&order=oldest", "/deliveries?order=oldest", "/deliveries?source=revenues", "/deliveries?source=polled",
    "/deliveries?from={day}&until={day}", "/deliveries?from={day}&until={day}&state=delivered&order=oldest", "/deliveries?older_than=1",
    "/deliveries?state=waiting&older_than=1", "/deliveries?state=sending&source=crm", "/deliveries?state=held&source=crm",
    "/deliveries?state=held&source=crm&code=notify.refused&destination=notify&order=oldest", "/deliveries?state=held&from={day}&until={day}&destination=none",
    "/deliveries?destination=none", "/deliveries?state=delivered&destination=none", "/deliveries?state=waiting&source=revenues&destination=none",
    "/deliveries?code=none", "/deliveries?source=revenues&destination=pay&batch={batch}",
]
# Calls of one record each, beside the files: so many batches are walked past, or along.
CALLS = 100_000


def statements(orders):
    """SQL that both databases take, in which {series:N} is a table `n` with `i` from 1 to N."""
    each = orders // BATCHES
    letters = "{{\"channel\":\"email\",\"template\":\"moved_home\",\"to\":\"pat.testberry@example.com\",\"fields\":[]}}"
    letters = letters.replace("{{", "{").replace("}}", "}")
    base = 10_000_000
    return [
        "INSERT INTO source (id, name) VALUES (1, 'revenues'), (2, 'crm'), (3, 'none'), (4, 'polled')",
        # Records of a batch have numbers above its own, and below the next one's.
        f"""INSERT INTO batch (id, source_id, job, origin, origin_mark, state, mapping, mapping_version, sends, rows_in,
            published, held, resolved_to, last_record, started_ms, released_ms, closed_ms)
            SELECT i * {each * 2}, CASE WHEN i % 5 = 0 THEN 2 ELSE 1 END, CASE WHEN i % 5 = 0 THEN 'ingest-crm' ELSE 'ingest-revenues' END,
            'file-' || i || '.xml', 'm' || i, CASE WHEN i = {BATCHES} THEN 'released' ELSE 'closed' END, 'ctax_account', 1, TRUE, {each}, {each}, 0,
            CASE WHEN i = {BATCHES} THEN i * {each * 2} + {each} - 5000 ELSE i * {each * 2} + {each} END, i * {each * 2} + {each},
            1790000000000 + i * 3600000, 1790000000000, 1790000000000 FROM {{series:{BATCHES}}}""",
        f"""INSERT INTO source_record (id, batch_id, source_key_id, change, key, key_digest, digest, dictionary_id, payload)
            SELECT (1 + (i - 1) / {each}) * {each * 2} + 1 + (i - 1) % {each}, (1 + (i - 1) / {each}) * {each * 2}, {base} + i, 1, '70' || i, i, i, 0, {{blob}}
            FROM {{series:{orders}}}""",
        f"""INSERT INTO batch (id, source_id, job, origin, origin_mark, state, mapping, mapping_version, sends, rows_in,
            published, held, resolved_to, last_record, started_ms, released_ms, closed_ms)
            SELECT 3000000 + i * 10, 4, 'ingest-polled', 'call-' || i, 'c' || i, 'closed', 'ctax_account', 1, TRUE, 1, 1, 0,
            3000001 + i * 10, 3000001 + i * 10, 1790000000000 + {BATCHES + 1} * 3600000 + CAST(i AS BIGINT) * 30000, 1790000000000, 1790000000000 FROM {{series:{CALLS}}}""",
        f"""INSERT INTO source_record (id, batch_id, source_key_id, change, key, key_digest, digest, dictionary_id, payload)
            SELECT 3000001 + i * 10, 3000000 + i * 10, 0, 1, '80' || i, i, i, 0, {{blob}} FROM {{series:{CALLS}}}""",
        f"""INSERT INTO source_key (id, source_id, key, key_digest, digest, record_id)
            SELECT {base} + i, 1, '70' || i, i, i, (1 + (i - 1) / {each}) * {each * 2} + 1 + (i - 1) % {each} FROM {{series:{orders}}}""",
        f"""INSERT INTO party (id, source_key_id, resident_id, key, role, record_id, mapping_version, at_ms, facts)
            SELECT {base * 2} + i, {base} + i, {base * 3} + i, '1', 'liable', (1 + (i - 1) / {each}) * {each * 2} + 1 + (i - 1) % {each}, 1, 0, '{{{{}}}}' FROM {{series:{orders}}}""",
        f"""INSERT INTO change_event (id, batch_id, record_id, subject, subject_id, kind, at_ms)
            SELECT {base * 4} + i, (1 + (i - 1) / {each}) * {each * 2}, (1 + (i - 1) / {each}) * {each * 2} + 1 + (i - 1) % {each}, 'resident', {base * 3} + i, 'created', 1790000000000 FROM {{series:{orders}}}""",
        # One in a hundred is held, most under one code; half of those are settled.
        f"""INSERT INTO dead_letter (id, batch_id, record_id, source_key_id, stage, code, field, cause, created_ms, settled_ms)
            SELECT {base * 5} + i, (1 + (i * 100 - 1) / {each}) * {each * 2}, (1 + (i * 100 - 1) / {each}) * {each * 2} + 1 + (i * 100 - 1) % {each}, {base} + i * 100, 'map',
            CASE WHEN i % 10 = 0 THEN 'missing' ELSE 'code_unknown' END, 'account status', 'the code is not in the list', 1790000000000,
            CASE WHEN i % 2 = 0 THEN 1790000000000 ELSE NULL END FROM {{series:{orders // 100}}}""",
        # Of the messages most were delivered; some wait, are held, unknown, dismissed, replaced.
        f"""INSERT INTO delivery (id, change_event_id, batch_id, resident_id, destination, mapping, mapping_version, purpose, needs_consent, reference,
            state, since_ms, next_ms, attempts, fence, cause_code, cause, created_ms, settled_ms)
            SELECT {base * 6} + i, {base * 4} + i, (1 + (i - 1) / {each}) * {each * 2}, {base * 3} + i, CASE WHEN i % 10 = 0 THEN 'pay' ELSE 'notify' END, 'moved_home', 1, 'p', FALSE,
            'ref-' || ({base * 6} + i),
            CASE WHEN i % 200 = 1 THEN 'held' WHEN i % 1000 = 2 THEN 'unknown' WHEN i % 50 = 3 THEN 'waiting' WHEN i % 500 = 4 THEN 'dismissed' WHEN i % 300 = 5 THEN 'replaced' ELSE 'delivered' END,
            1790000000000 + i, 1790000000000 + i, 1, 1, CASE WHEN i % 200 = 1 THEN 'notify.refused' ELSE NULL END, CASE WHEN i % 200 = 1 THEN 'no such address' ELSE NULL END, 1790000000000,
            CASE WHEN i % 200 = 1 OR i % 1000 = 2 OR i % 50 = 3 THEN NULL ELSE 1790000000000 END FROM {{series:{orders}}}""",
        f"""INSERT INTO delivery_message (delivery_id, batch_id, resident_id, message)
            SELECT {base * 6} + i, (1 + (i - 1) / {each}) * {each * 2}, {base * 3} + i, '{letters.replace("{", "{{").replace("}", "}}")}' FROM {{series:{orders}}}""",
        # Every stretch that the charts are made of.
        """INSERT INTO traffic (slot_ms, destination, sent, failed, held, oldest_ms)
            SELECT ({now} / 300000 - i / 6) * 300000, CASE i % 6 WHEN 0 THEN 'notify' ELSE 'pay-' || (i % 6) END, 100, 1, 1, 60000 FROM {series:3456}""".replace("{now}", str(int(time.time() * 1000))),
        """INSERT INTO audit (id, at_ms, actor, action, target, digest) SELECT 100 + i, 1790000000000, 'staff:kim', 'shown', 'delivery ' || i, 'x' FROM {series:100000}""",
        "UPDATE audit_end SET last = 100100, digest = 'x' WHERE id = 1",
        "INSERT INTO id_block (name, next) VALUES ('all', 90000000) ON CONFLICT (name) DO UPDATE SET next = 90000000",
    ]


def written(statement, postgres):
    if postgres:
        statement = re.sub(r"\{series:(\d+)\}", r"generate_series(1, \1) AS n (i)", statement)
        return statement.replace("{blob}", "'\\x00'::bytea").replace("{{", "{").replace("}}", "}")
    series = r"(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \1) SELECT i FROM n)"
    statement = re.sub(r"\{series:(\d+)\}", series, statement)
    return statement.replace("{blob}", "x'00'").replace("{{", "{").replace("}}", "}")


def fill(url, orders):
    if url.startswith("sqlite:"):
        database = sqlite3.connect(url.removeprefix("sqlite:"))
        for statement in statements(orders):
            database.execute(written(statement, False))
        database.commit()
        # As a hub that has run for a while has it.
        database.execute("ANALYZE")
        database.commit()
        database.close()
        return
    for statement in statements(orders):
        subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", url, "-c", written(statement, True)], check=True)
    subprocess.run(["psql", "-q", url, "-c", "VACUUM ANALYZE"], check=True)


def code(seed):
    """RFC 6238"""
    key = base64.b32decode(seed + "=" * (-len(seed) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


class Browser:
    def __init__(self, port):
        self.port, self.cookie = port, ""
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask(self, method, path, fields=None):
        headers = {"Cookie": self.cookie}
        body = None
        if fields is not None:
            body = urllib.parse.urlencode(fields)
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{self.port}"}
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.headers.get("Set-Cookie"):
            self.cookie = answer.headers["Set-Cookie"].split(";")[0]
        return answer.status, text


def measure(name, url, arguments):
    environment = os.environ | {"VIADUCT_DATABASE": url, "VIADUCT_DEFINITIONS": ROOT, "REVENUES_DROP": "/tmp/none", "BENEFITS_DROP": "/tmp/none", "CRM_DROP": "/tmp/none", "PUBLIC_URL": "https://pay.example.com"}
    invite = [VIADUCT, "--json", "users", "invite", "kim", "--role", "support-lead,governance,administrator"]
    began = time.time()
    link = json.loads(subprocess.run(invite, env=environment, check=True, capture_output=True).stdout)["link"]
    fill(url, arguments.orders)
    print(f"{name}: {arguments.orders:,} work orders in {time.time() - began:.0f} s", file=sys.stderr)
    port = 8591
    # Nothing is to be sent or read meanwhile: nobody is told of jobs.
    serving = subprocess.Popen([VIADUCT, "serve", "--listen", f"127.0.0.1:{port}"], env=environment, stderr=subprocess.DEVNULL)
    try:
        browser = Browser(port)
        for _ in range(600):
            try:
                browser.ask("GET", "/health")
                break
            except OSError:
                browser.connection.close()
                time.sleep(0.1)
        path = urllib.parse.urlparse(link).path
        seed = re.search(r'app: <span class="v-code">([A-Z2-7 ]+)<', browser.ask("GET", path)[1])[1].replace(" ", "")
        status, text = browser.ask("POST", path, {"password": PASSWORD, "again": PASSWORD, "code": code(seed)})
        assert status == 303, text
        while True:
            status, _ = browser.ask("POST", "/sign-in", {"name": "kim", "password": PASSWORD, "code": code(seed)})
            if status == 303:
                break
            time.sleep(31)
        each = arguments.orders // BATCHES
        words = {"middle": 10 * each * 2 + each // 2, "order": 10 * each * 2 + each // 2 + 7, "batch": 8 * each * 2, "delivery": 60_000_000 + arguments.orders // 2, "day": "2026-09-21"}
        results = []
        for page in PAGES:
            page = page.format(**words)
            took = []
            for _ in range(arguments.times):
                began = time.perf_counter()
                status, text = browser.ask("GET", page)
                took.append((time.perf_counter() - began) * 1_000)
                assert status == 200, f"{page}: {status} {text}"
            took.sort()
            results.append((page, statistics.median(took), took[max(0, int(len(took) * 0.95) - 1)], took[-1]))
        print(f"\n{name}\n\n| page | median ms | p95 ms | longest ms |\n|---|---|---|---|")
        for page, median, p95, longest in results:
            print(f"| `{page}` | {median:.1f} | {p95:.1f} | {longest:.1f} |")
        slow = [page for page, _, p95, _ in results if p95 >= 100]
        print(f"\n{len(results) - len(slow)} of {len(results)} lists under 100 ms" + (f"; not: {', '.join(slow)}" if slow else ""))
        return not slow
    finally:
        serving.terminate()
        serving.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--postgres", action="store_true")
    arguments = parser.parse_args()
    both = arguments.sqlite == arguments.postgres
    good = True
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_SCRATCH")) as folder:
        if both or arguments.sqlite:
            good &= measure("SQLite", f"sqlite:{folder}/hub.db", arguments)
        if both or arguments.postgres:
            server = os.environ["VIADUCT_TEST_POSTGRES"]
            name = f"screens_{os.getpid()}"
            subprocess.run(["psql", "-q", server, "-c", f"CREATE DATABASE {name}"], check=True)
            parts = urllib.parse.urlparse(server)
            try:
                good &= measure("PostgreSQL", parts._replace(path=f"/{name}").geturl(), arguments)
            finally:
                subprocess.run(["psql", "-q", server, "-c", f"DROP DATABASE {name} WITH (FORCE)"], check=True)
    sys.exit(0 if good else 1)


main()
