"""Verifies what a receiver got with the standard's own library: with either secret, as it came and changed."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

entries, *secrets = json.loads(sys.argv[1]), *sys.argv[2:]
verified = refused = 0
for entry in entries:
    for secret in secrets:
        headers = {
            "webhook-id": entry["id"],
            "webhook-timestamp": entry["timestamp"],
            "webhook-signature": entry["signature"],
        }
        for body, changed in [
            (entry["body"], {}),
            (entry["body"] + " ", {}),
        ]:
            try:
                # The library reads a body as JSON once it is verified; ours may be XML.
                Webhook(secret).verify(body, headers | changed)
                verified += 1
            except json.JSONDecodeError:
                verified += 1
            except WebhookVerificationError:
                refused += 1
    try:
        Webhook(secrets[0]).verify(entry["body"], headers | {"webhook-id": "another"})
        sys.exit("a changed id was accepted")
    except WebhookVerificationError:
        refused += 1
print(f"{verified} verified, {refused} refused")
