//! What is the matter with rows and whole files, in words: what a source gave, and what a field says.

use super::{Cause, at_source, cause};

/// What the source gave.
pub(super) const GIVEN: &[Cause] = &[
    cause("archive.damaged", "the compressed file is cut off or damaged", "ask for the file again"),
    cause(
        "archive.limit",
        "the compressed file unpacks to more than a file may",
        "ask its owner what it is; if it is right, raise `unpacked_bytes_max` in the \
                 connector",
    ),
    cause(
        "archive.path",
        "the archive has a name in it that leads elsewhere, a link, or two files of one name",
        "ask for the file by itself, or packed by a program that writes plain names; then ask who made this one",
    ),
    cause(
        "batch.interrupted",
        "the reading was stopped half way; nothing of it was seen",
        "nothing: the next run reads it again",
    ),
    at_source(
        "card.data",
        "what looks like the number of a payment card stands in the row; its digits were not kept",
        "tell whoever owns the system today, have the number taken out at its source, and delete the file",
    ),
    at_source(
        "civica.error",
        "OpenRevenues answered with an error of its own in place of the account or claim",
        "look at it in OpenRevenues; the next poll that comes to it brings it",
    ),
    cause(
        "civica.mixed",
        "OpenRevenues gave what belongs to another person, account or session, and nothing of the poll was used",
        "tell whoever looks after OpenRevenues today: others may be shown it too. The next poll asks again",
    ),
    cause(
        "csv.",
        "the row or file cannot be read as CSV",
        "ask for a good file; or mend `delimiter` and columns in the connector",
    ),
    cause(
        "csv.encoding",
        "the text is not in the encoding that it was read in",
        "say the right `encoding` in the connector, or ask for the file again",
    ),
    cause(
        "csv.header",
        "columns are missing, or named twice, in the first row",
        "ask what changed in the extract; then mend the connector, or ask for the file \
                 again",
    ),
    cause(
        "csv.quote",
        "a quote is opened and not closed, so that rows run into each other",
        "ask for the file again",
    ),
    cause(
        "csv.size",
        "the row is longer than a record may be",
        "ask its owner what it is; if it is right, raise `record_bytes_max` in the \
                 connector",
    ),
    cause(
        "csv.trailer",
        "a row stands behind the one with the totals, which is to be the last: two files may have been put \
         together",
        "ask for the file again",
    ),
    at_source(
        "csv.width",
        "the row has more or fewer fields than the header",
        "ask for the row to be mended at its source; the next extract brings it",
    ),
    cause(
        "event.",
        "a system posted something that cannot be read as one of its events",
        "look at it as it came, and ask the system's owner what it is",
    ),
    cause(
        "event.empty",
        "a system posted an event with nothing in it",
        "ask the system's owner whether its events are set up as they should be",
    ),
    cause(
        "event.encoding",
        "a system posted an event that is not written in UTF-8",
        "ask the system's owner to have its events written in UTF-8",
    ),
    cause(
        "event.malformed",
        "a system posted an event that is no XML, or was cut off",
        "look at it as it came; its case is read all the same when it is next asked for what changed",
    ),
    cause(
        "event.no_case",
        "a system posted an event that does not say which case it is about",
        "look at it as it came, and ask the system's owner",
    ),
    cause(
        "event.size",
        "a system posted something that is longer than an event may be",
        "ask the system's owner what it is",
    ),
    cause(
        "event.unknown",
        "a system posted something that is no event",
        "ask its owner who posts to that address",
    ),
    cause(
        "extract.accepted",
        "the extract was in doubt, and somebody accepted it as it is",
        "nothing",
    ),
    cause(
        "extract.gone_unsure",
        "records are absent, and rows that cannot be read may be them: none was marked \
                 gone",
        "look at the rows that are held without a key; the next good extract settles it",
    ),
    cause(
        "extract.short",
        "the extract has far fewer of the known records than usual",
        "ask whether it is whole. If it is: `viaduct batches accept NUMBER --reason WHY`; if it \
                 is not: `viaduct batches refuse NUMBER --reason WHY`, and ask for it again",
    ),
    cause(
        "file.as_before",
        "the content is that of an earlier file, and others came between",
        "ask which it is. If things are so again: `viaduct batches accept NUMBER --reason WHY`; if an old file \
                 was sent once more: `viaduct batches refuse NUMBER --reason WHY`",
    ),
    cause(
        "file.duplicate",
        "the very same content was taken before, so nothing was read",
        "nothing. To read what is stored again: `viaduct replay --everything-of JOB`",
    ),
    cause("file.empty", "there is nothing in the file", "ask for it again"),
    cause(
        "file.encoding",
        "the text is not in the encoding that it was read in",
        "say the right `encoding` in the connector, or ask for the file again",
    ),
    cause(
        "file.looks_utf8",
        "the file was read as its connector says, and looks like UTF-8",
        "look into the file. If it is UTF-8, write `encoding = \"utf-8\"` in the connector and put the \
                 file back; if it is not: `viaduct batches accept NUMBER --reason WHY`",
    ),
    cause(
        "file.new_version",
        "a file of this name was taken before with other content",
        "see that this one is the newer; if it is the older, drop the newer once more \
                 under another name",
    ),
    cause(
        "file.records",
        "the file has more records than an extract may have",
        "ask its owner what it is; if it is right, raise `records_max` in the connector",
    ),
    cause(
        "file.size",
        "the file has more bytes than a file may have, or never ends",
        "ask its owner what it is; if it is right, raise `unpacked_bytes_max` in the connector",
    ),
    cause(
        "file.total",
        "the file declares another number, or sum, than its records make, or does not declare it at all: it \
         may be cut off",
        "ask for it again; drop the good file under any name",
    ),
    cause(
        "file.total_unsure",
        "lines that cannot be read stand in the file, so that the sum it declares cannot be checked",
        "have the lines that are named mended at their source and ask for the file again; or mend \
                 how the connector describes them, then put the file back",
    ),
    cause(
        "file.type",
        "the file is not of the kind that the connector says",
        "ask for the right file, where a spreadsheet is saved as CSV before it is sent; or mend `format` (`\"xlsx\"` for \
                 workbooks) or `compression` in the connector",
    ),
    cause(
        "fixed.",
        "the line cannot be read as a fixed-width line",
        "ask for a good file; or mend `lines` in the connector",
    ),
    cause(
        "fixed.duplicate",
        "lines of one type come several times in a record, and their fields are the record's own",
        "give that type a `list` under `lines` in the connector, read it with `each` in the \
                 mapping, then replay",
    ),
    cause(
        "fixed.encoding",
        "the text is not in the encoding that it was read in",
        "say the right `encoding` in the connector, or ask for the file again",
    ),
    cause(
        "fixed.header",
        "the header is missing, or stands in the wrong place",
        "ask for the file again",
    ),
    at_source(
        "fixed.orphan",
        "a detail line belongs to no record, or to another one",
        "ask for the rows to be mended at their source",
    ),
    cause(
        "fixed.size",
        "the record is longer than a record may be",
        "ask its owner what it is; if it is right, raise `record_bytes_max` in the \
                 connector",
    ),
    cause(
        "fixed.trailer",
        "the trailer with the totals is not there or not last: the file may be cut off",
        "ask for the file again",
    ),
    cause(
        "fixed.type",
        "a line is of a type that nobody described",
        "ask what the line is; then name its type under `lines` in the connector",
    ),
    cause(
        "fixed.width",
        "a line is longer or shorter than it should be",
        "ask for the row to be mended at its source; or mend `line_length` in the \
                 connector",
    ),
    cause("json.", "the record or file cannot be read as JSON", "ask for a good file"),
    cause(
        "json.encoding",
        "the text is not in the encoding that it was read in",
        "say the right `encoding` in the connector, or ask for the file again",
    ),
    cause(
        "json.root",
        "the list of records is not where the connector says",
        "ask what changed in the extract; then mend `record` in the connector",
    ),
    cause(
        "json.size",
        "the record is longer than a record may be",
        "ask its owner what it is; if it is right, raise `record_bytes_max` in the \
                 connector",
    ),
    cause("record", "the row cannot be read as a record", "ask for it to be mended at its source"),
    at_source(
        "record.bad_key",
        "the key is longer than 1,000 bytes, or holds what no text does",
        "ask for the key to be mended at its source; the next extract brings the row",
    ),
    cause(
        "record.crashed",
        "whoever read it failed at it, or died of it, again and again",
        "tell the developers its number; then, with the version that mends it, `viaduct replay`",
    ),
    cause(
        "record.duplicate",
        "a value that should be there once is there several times",
        "ask which of them is meant; then mend the mapping's path, or the record at its \
                 source",
    ),
    at_source(
        "record.duplicate_key",
        "two rows of one extract have the same key: the first was read, this one was not",
        "ask the system's owner which of the two is right",
    ),
    at_source(
        "record.no_key",
        "nothing tells this row from others: its key is blank, or there several times",
        "ask for the key to be filled in at its source; the next extract brings the row",
    ),
    at_source(
        "record.no_version",
        "the record does not say which version it is, and its connector tells records apart by that",
        "ask for it to be filled in at its source; or mend `version` and `version_as` in the connector",
    ),
    at_source(
        "record.same_version",
        "two records of one key have the same version, and say different things",
        "ask the system's owner which of the two is right; a record that is changed has a newer version",
    ),
    cause(
        "record.too_much",
        "once it is read the record says more than 64 KB: a value copied to hundreds of parties",
        "mend the mapping, or have the record mended at its source",
    ),
    at_source(
        "record_empty",
        "there is nothing in the record",
        "ask for it to be mended at its source",
    ),
    cause(
        "sheet.damaged",
        "the workbook is damaged, or written by a program that does not keep to the rules of its kind",
        "ask for it again; or open it in Excel, see that it is whole, and save it as .xlsx",
    ),
    at_source(
        "sheet.date",
        "a cell is shown as a date or a time, and its number is none: the 0 of an empty cell, or a day that never was",
        "have the cell that is named mended in the workbook; the next extract brings it",
    ),
    at_source(
        "sheet.digits",
        "a number in the row has more than 15 digits, of which a spreadsheet does not keep the last",
        "have the column formatted as text in the workbook, and the numbers entered again from where they came from",
    ),
    at_source(
        "sheet.error",
        "a formula in the row ends in an error, such as `#REF!` or `#N/A`",
        "have the cell that is named mended in the workbook; the next extract brings it",
    ),
    at_source(
        "sheet.formula",
        "a formula in the row was never worked out, so that its cell has no value: a program wrote it, and not Excel",
        "open the workbook in Excel, save it, and drop it again; or have the values written in place of formulas",
    ),
    cause(
        "sheet.name",
        "the workbook has several sheets, or none of the name that the connector says",
        "say in the connector which is meant: `sheet = \"Accounts\"`; the cause names those that there are",
    ),
    cause(
        "soap.envelope",
        "a system that speaks SOAP answered with something else: a page, or nothing",
        "see that `url` of its connector leads to the service, and ask its owner what stands in the way",
    ),
    cause(
        "soap.reply",
        "a system answered with another element than the one that was asked for",
        "see that `reply` and `action` of its connector are right",
    ),
    cause(
        "sql.cell",
        "a value of the row is longer than its connector lets leave the database",
        "cut it in the query, leave the column out, or raise `cell_bytes_max`; the next poll brings the row",
    ),
    at_source(
        "verint.gone",
        "the CRM listed it as changed, and has none when it is asked for it",
        "look in the CRM whether it was merged or deleted",
    ),
    at_source(
        "verint.no_number",
        "the CRM listed a case that changed and gave no number by which it could be asked for",
        "find the case in the CRM by what stands in the row, and tell whoever looks after the CRM",
    ),
    at_source(
        "verint.refused",
        "the CRM answers with a fault where one case or person is asked for, and with others as it should",
        "look at it in the CRM; it comes when it changes next. If the fault means that there is no such thing, say so in `[[settings.faults]]`",
    ),
    cause("xml.", "the record or file cannot be read as XML", "ask for a good file"),
    cause(
        "xml.doctype",
        "the file has a DOCTYPE, which is refused whatever it says",
        "ask for the file without it",
    ),
    cause(
        "xml.encoding",
        "the text is not in the encoding that it was read in",
        "say the right `encoding` in the connector, or ask for the file again",
    ),
    cause(
        "xml.root",
        "the records are not where the connector says",
        "ask what changed in the extract; then mend `record` in the connector",
    ),
    cause(
        "xml.size",
        "the record is longer than a record may be",
        "ask its owner what it is; if it is right, raise `record_bytes_max` in the \
                 connector",
    ),
];

/// What a field says.
pub(super) const FIELDS: &[Cause] = &[
    at_source(
        "bank_account_wrong_shape",
        "this is not a bank account's number: six to eight digits, not all zero",
        "ask for it to be mended at its source",
    ),
    cause(
        "code_unknown",
        "the code is not in its code list, or not for that day",
        "ask what it means; add a line to the code list; then replay",
    ),
    cause(
        "date_format_unknown",
        "a date format needs %Y (or %y with `years_from`), %m (%-m, %b) and %d (%-d) once each; %H %M %S %f and %z may follow",
        "add its format to the mapping's `as = { date = […] }`; then replay",
    ),
    at_source(
        "date_impossible",
        "the day is not in the calendar",
        "ask for it to be mended at its source; or let the mapping leave it empty with \
                 `on_error = \"null\"`",
    ),
    at_source(
        "date_skipped_hour",
        "the clocks skipped this time of day when they went forward",
        "ask for it to be mended at its source",
    ),
    cause(
        "date_wrong_shape",
        "the date is not written in a format that the mapping declares",
        "add its format to the mapping's `as = { date = […] }`; then replay",
    ),
    cause(
        "decimal_wrong_shape",
        "it is not a decimal number",
        "ask for it to be mended at its source",
    ),
    cause(
        "email_test_range",
        "the address is one that nobody real has",
        "nothing; it is kept, and refused when it would be sent to in production",
    ),
    at_source(
        "email_wrong_shape",
        "it is not an e-mail address that can be sent to",
        "ask for it to be mended at its source; or let the mapping leave it empty with \
                 `on_error = \"null\"`",
    ),
    cause(
        "expression.failed",
        "an expression of the mapping cannot be computed for this row",
        "look at the expression with this row; mend it; then replay",
    ),
    cause(
        "expression.limit",
        "an expression of the mapping met more than it may work on",
        "ask whether the row is right; mend the expression; then replay",
    ),
    cause(
        "flag_unknown",
        "it is none of the words for yes or no that the mapping lists",
        "add the word to the mapping's `flag`; then replay",
    ),
    cause(
        "name_blank",
        "a place that names people is blank: the account is kept without them",
        "ask for the name to be filled in at its source",
    ),
    cause(
        "name_cut",
        "the name fills its columns to the last letter: more of it may have been cut off",
        "compare it with the system's own screen; nothing is held for it",
    ),
    cause(
        "name_former",
        "an earlier name stood with the name (`NEE FAKELEY`), and was left out",
        "nothing; the name without it is kept",
    ),
    cause(
        "name_letters",
        "letters stood behind the name (`OBE`, `PHD`, `JNR`), and were left out",
        "nothing; the name without them is kept",
    ),
    cause(
        "name_remark",
        "a remark in brackets stood with the name (`(STUDENT)`), and was left out",
        "nothing; the name without it is kept. If it matters, ask where it should be kept",
    ),
    cause(
        "nhs_test_range",
        "this NHS number is of a range for tests, which nobody has",
        "nothing; it is kept and flagged",
    ),
    at_source(
        "nhs_wrong_check",
        "the check digit of the NHS number does not agree: a digit is wrong",
        "ask for it to be mended at its source",
    ),
    at_source(
        "nhs_wrong_shape",
        "this is not an NHS number: ten digits, and not one digit ten times",
        "ask for it to be mended at its source",
    ),
    at_source(
        "nino_bad_prefix",
        "it has the shape of a National Insurance number with a prefix that is never \
                 issued",
        "ask for it to be mended at its source; or let the mapping leave it empty with \
                 `on_error = \"null\"`",
    ),
    cause(
        "nino_temporary",
        "it is a blank or temporary number, which identifies nobody",
        "nothing; it is left out",
    ),
    cause(
        "nino_test_range",
        "the National Insurance number is one that nobody real has",
        "nothing; it is kept and flagged",
    ),
    at_source(
        "nino_wrong_shape",
        "it is not a National Insurance number: two letters, six digits and one of A, B, C or D",
        "ask for it to be mended at its source; or let the mapping leave it empty with \
                 `on_error = \"null\"`",
    ),
    at_source(
        "pence_overflow",
        "the amount is larger than any account's",
        "ask for it to be mended at its source",
    ),
    cause(
        "pence_wrong_shape",
        "the amount is not written in the format that the mapping declares",
        "see how the system writes money; mend `pence` in the mapping; then replay",
    ),
    at_source(
        "phone_not_in_use",
        "no telephone number begins like this",
        "ask for it to be mended at its source; or let the mapping leave it empty with \
                 `on_error = \"null\"`",
    ),
    at_source(
        "phone_premium_rate",
        "it is a premium rate number, which no resident is called on",
        "ask for it to be mended at its source; or let the mapping leave it empty with \
                 `on_error = \"null\"`",
    ),
    cause(
        "phone_test_range",
        "the telephone number is one that nobody real has",
        "nothing; it is kept, and refused when it would be sent to in production",
    ),
    at_source(
        "phone_wrong_shape",
        "it is not a telephone number: too few or many digits, or letters",
        "ask for it to be mended at its source; or let the mapping leave it empty with \
                 `on_error = \"null\"`",
    ),
    cause(
        "postcode_test_range",
        "the postcode is one that nobody real has",
        "nothing; it is kept, and refused when it would be sent to in production",
    ),
    at_source(
        "postcode_wrong_shape",
        "it does not have the shape of a UK postcode",
        "ask for it to be mended at its source; or let the mapping leave it empty with \
                 `on_error = \"null\"`",
    ),
    at_source(
        "required",
        "the mapping needs a value here, and the record does not have it",
        "ask for it to be filled in at its source; the next extract brings it",
    ),
    at_source(
        "sort_code_wrong_shape",
        "it is not a sort code: six digits, not all zero",
        "ask for it to be mended at its source",
    ),
    cause(
        "uprn_test_range",
        "the property number is one that no real property has",
        "nothing; it is kept and flagged",
    ),
    at_source(
        "uprn_wrong_shape",
        "it is not a property number (UPRN): one to twelve digits, not zero",
        "ask for it to be mended at its source; or let the mapping leave it empty with \
                 `on_error = \"null\"`",
    ),
    cause(
        "whole_wrong_shape",
        "it is not a whole number",
        "ask for it to be mended at its source; or mend `as` in the mapping, then replay",
    ),
];
