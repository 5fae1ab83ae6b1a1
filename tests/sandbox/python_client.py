"""Sends one of each kind through the platform's own client, and prints what it saw as JSON."""

import json
import sys

from notifications_python_client.errors import HTTPError
from notifications_python_client.notifications import NotificationsAPIClient

url, key, email, sms, letter = sys.argv[1:]
client = NotificationsAPIClient(key, base_url=url)
fields = {"first_name": "Pat", "postcode": "SW1A 1AA", "account": "7000000042"}
address = {
    "address_line_1": "Pat Testberry",
    "address_line_2": "1 High Street",
    "address_line_3": "Bramble",
}

sent_email = client.send_email_notification("pat@example.com", email, fields, reference="py-email")
sent_sms = client.send_sms_notification("07700 900123", sms, fields, reference="py-sms")
sent_letter = client.send_letter_notification(letter, fields | address, reference="py-letter")

listed = client.get_all_notifications()["notifications"]
by_reference = client.get_all_notifications(reference="py-email")["notifications"]
assert [one["id"] for one in by_reference] == [sent_email["id"]]
iterated = client.get_all_notifications_iterator()
assert [one["id"] for one in iterated] == [one["id"] for one in listed]
assert client.get_notification_by_id(sent_sms["id"])["phone_number"] == "07700 900123"

try:
    unknown = "00000000-0000-4000-8000-000000000000"
    client.send_email_notification("pat@example.com", unknown, fields)
    refused = None
except HTTPError as error:
    refused = [error.status_code, error.message[0]["error"]]

print(
    json.dumps(
        {
            "types": [one["type"] for one in listed],
            "email_reference": client.get_notification_by_id(sent_email["id"])["reference"],
            "sms_body": sent_sms["content"]["body"],
            "pdf": client.get_pdf_for_letter(sent_letter["id"]).read().startswith(b"%PDF-"),
            "unknown_template": refused,
            "templates": len(client.get_all_templates()["templates"]),
        }
    )
)
