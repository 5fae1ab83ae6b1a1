"""Writes a workbook as a program of somebody else's does: `write.py WHICH FILE`. Everybody in it is invented."""

import csv
import datetime
import os
import sys

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils.datetime import CALENDAR_MAC_1904

HERE = os.path.dirname(os.path.abspath(__file__))


def kinds():
    book = Workbook()
    sheet = book.active
    sheet.title = "Accounts"
    sheet["A1"] = "Accounts of March"
    sheet["A1"].font = Font(bold=True)
    sheet.append(["ref", "balance", "born", "seen\nat", "opens", "joint", "address"])
    sheet.append(
        [
            9900000017,
            855.1,
            datetime.date(1984, 2, 29),
            datetime.datetime(2026, 3, 1, 18, 30),
            datetime.time(7, 45),
            True,
            "12, Fiction Road\nSampleham",
        ]
    )
    sheet.append(
        [9900000025, -12.5, datetime.date(1900, 2, 28), None, datetime.timedelta(hours=36), False, "merged"]
    )
    sheet.merge_cells("G4:J4")
    sheet.append([9900000033, "=SUM(B3:B4)"])
    sheet.append(["A0012", 0.1 + 0.2])
    book.create_sheet("Notes").append(["nothing to see"])
    return book


def from_1904():
    book = Workbook()
    book.epoch = CALENDAR_MAC_1904
    book.active.append(["ref", "on"])
    book.active.append([1, datetime.date(2026, 3, 1)])
    return book


def cell(column, text):
    """A value as a person would have entered it."""
    if column in ("opened", "closed", "born") and text:
        return datetime.datetime.strptime(text, "%d/%m/%Y").date()
    if column in ("account_ref", "balance", "uprn") and text and text != "TRAILER":
        return float(text) if "." in text else int(text)
    return text or None


def council_tax():
    """The sample that `viaduct init` writes, as a workbook."""
    book = Workbook()
    with open(os.path.join(HERE, "../../../src/app/init/csv/sample.csv"), newline="") as sample:
        header, *rows = csv.reader(sample)
    book.active.append(header)
    for row in rows:
        trailer = row[0] == "TRAILER"
        book.active.append(
            [int(text) if trailer and text.isdigit() else cell(column, text) for column, text in zip(header, row)]
        )
    return book


def council_tax_next():
    """The night after, when somebody entered a formula, and no program worked it out."""
    book = council_tax()
    book.active["E3"] = "=E2*2"
    return book


if __name__ == "__main__":
    which, file = sys.argv[1:]
    makers = [kinds, from_1904, council_tax, council_tax_next]
    {maker.__name__: maker for maker in makers}[which]().save(file)
