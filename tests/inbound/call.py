"""Calls a hub as others' own libraries do: Standard Webhooks, an HMAC as GOV.UK Pay makes it, CloudEvents."""

import hashlib
import hmac
import json
import sys
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

from cloudevents.v1.conversion import to_binary, to_structured
from cloudevents.v1.http import CloudEvent
from standardwebhooks.webhooks import Webhook

url, secret, pay_secret, word = sys.argv[1:]
no_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(what, door, headers, body):
    headers = {"content-type": "application/json", **headers}
    request = urllib.request.Request(f"{url}/in/{door}", body, headers)
    try:
        status = no_proxy.open(request, timeout=30).status
    except urllib.error.HTTPError as error:
        status = error.code
    print(f"{what}: {status}")


def person(ref):
    return {"ref": ref, "owes": "1.00", "forename": "Arden", "surname": "Testberry"}


body = json.dumps({"type": "tenancy.changed", "data": person("990000017")})
now = datetime.now(timezone.utc)


def signed(id, at):
    signature = Webhook(secret).sign(id, at, body)
    return {"webhook-id": id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


headers = signed("msg_1", now)
call("standard webhooks", "events", headers, body.encode())
call("standard webhooks, a changed body", "events", headers, body.replace("1.00", "9.00").encode())
call("standard webhooks, another id", "events", {**headers, "webhook-id": "msg_2"}, body.encode())
other = str(int((now + timedelta(seconds=9)).timestamp()))
call("standard webhooks, another time", "events", {**headers, "webhook-timestamp": other}, body.encode())

notice = json.dumps({"webhook_message_id": "m1", "event_type": "card_payment_succeeded", "resource_id": "p1"}).encode()
right = hmac.new(pay_secret.encode(), notice, hashlib.sha256).hexdigest()
call("pay", "pay_events", {"Pay-Signature": right}, notice)
call("pay, the same once more", "pay_events", {"Pay-Signature": right}, notice)
call("pay, a changed body", "pay_events", {"Pay-Signature": right}, notice.replace(b"p1", b"p2"))
call("pay, upper case", "pay_events", {"Pay-Signature": right.upper()}, notice)

bearer = {"authorization": f"Bearer {word}"}


def event(ref, id):
    return CloudEvent({"type": "tenancy.changed", "source": "/housing", "id": id}, person(ref))


headers, body = to_structured(event("990000101", "e-1"))
call("cloud event, structured", "clouds", {**headers, **bearer}, body)
headers, body = to_binary(event("990000102", "e-2"))
call("cloud event, binary", "clouds", {"content-type": "application/json", **headers, **bearer}, body)
call("cloud event, the same once more", "clouds", {"content-type": "application/json", **headers, **bearer}, body)
call("cloud event, a wrong word", "clouds", {**headers, "authorization": "Bearer another"}, body)
