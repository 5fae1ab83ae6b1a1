//! What the codes of held things mean, in words, and what a person does about them: one table, for
//! the commands, the screens and the docs. A code that ends in a dot stands for all that begin so.
//!
//! The code is a name for machines and for searching; only these words are for people.

mod pushes;

/// One code, and what to say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    pub code: &'static str,
    /// What is the matter. It begins small and has no full stop.
    pub means: &'static str,
    /// What a person does.
    pub remedy: &'static str,
    /// Nothing here mends it: its source does, and the next extract brings it.
    pub at_source: bool,
}

/// Causes that belong together.
#[derive(Debug)]
pub struct Chapter {
    pub title: &'static str,
    pub causes: &'static [Cause],
}

/// The words for a code: its own, or those of the longest beginning that has some.
pub fn find(code: &str) -> Option<&'static Cause> {
    let all = || CHAPTERS.iter().flat_map(|chapter| chapter.causes);
    let fits = |cause: &&Cause| match cause.code.strip_suffix('.') {
        Some(_) => code.starts_with(cause.code),
        None => code == cause.code,
    };
    let found = all().filter(fits);
    let found = found.max_by_key(|cause| (!cause.code.ends_with('.'), cause.code.len()));
    // Each format has a code of its own for what stands there twice: it can be read all the same.
    match found {
        Some(cause) if cause.code != code && code.ends_with(".duplicate") => {
            find("record.duplicate")
        }
        found => found,
    }
}

/// Every code that has words of its own.
pub fn codes() -> impl Iterator<Item = &'static str> {
    CHAPTERS.iter().flat_map(|chapter| chapter.causes).map(|cause| cause.code)
}

/// The page of all codes.
pub fn page() -> String {
    let mut page = String::from(
        "# What the codes mean\n\n\
         Made by `viaduct schema --write docs`; do not edit. `viaduct held` says the same, beside what waits.\n",
    );
    for chapter in CHAPTERS {
        page.push_str(&format!("\n## {}\n\n| code | means | do |\n|---|---|---|\n", chapter.title));
        for cause in chapter.causes {
            let rest = if cause.code.ends_with('.') { "…" } else { "" };
            let Cause { code, means, remedy, .. } = cause;
            page.push_str(&format!("| `{code}{rest}` | {means} | {remedy} |\n"));
        }
    }
    page
}

const fn cause(code: &'static str, means: &'static str, remedy: &'static str) -> Cause {
    Cause { code, means, remedy, at_source: false }
}

/// One that its source alone can mend.
const fn at_source(code: &'static str, means: &'static str, remedy: &'static str) -> Cause {
    Cause { code, means, remedy, at_source: true }
}

/// Every code there is.
pub static CHAPTERS: &[Chapter] = &[
    Chapter {
        title: "Rows and files: what the source gave",
        causes: &[
            cause(
                "archive.damaged",
                "the compressed file is cut off or damaged",
                "ask for the file again",
            ),
            cause(
                "archive.limit",
                "the compressed file unpacks to more than a file may",
                "ask its owner what it is; if it is right, raise `unpacked_bytes_max` in the \
                 connector",
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
                "the last row, with the totals, is not there or not last: the file may be cut \
                 off",
                "ask for the file again",
            ),
            at_source(
                "csv.width",
                "the row has more or fewer fields than the header",
                "ask for the row to be mended at its source; the next extract brings it",
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
                "the file declares another number, or sum, than its records make: it may be cut \
                 off",
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
                "ask for the right file; or mend `compression` in the connector",
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
            cause(
                "record",
                "the row cannot be read as a record",
                "ask for it to be mended at its source",
            ),
            at_source(
                "record.bad_key",
                "the key is longer than 1,000 bytes, or holds what no text does",
                "ask for the key to be mended at its source; the next extract brings the row",
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
        ],
    },
    Chapter {
        title: "Rows: what a field says",
        causes: &[
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
        ],
    },
    Chapter {
        title: "Messages and payments",
        causes: &[
            cause(
                "delivery.attempts",
                "it was tried as often as the job allows, and did not get through",
                "find out whether the platform is up; then tell the resident by hand if it cannot wait",
            ),
            cause("delivery.held", "it waits without a cause of its own", "look at its story"),
            cause(
                "delivery.missing_field",
                "the template needs a value that is not known of the resident",
                "have it recorded at its source, or the template changed to do without",
            ),
            cause(
                "delivery.no_address",
                "there is nowhere to send it: no address of the kinds that the mapping lists",
                "ask the resident for an e-mail address or a mobile number, and record it at its source",
            ),
            cause(
                "delivery.unknown",
                "it was sent, no answer came, and the platform could not say whether it happened",
                "look for the reference in the platform's own pages. If it is not there, a person decides; never send it again blindly",
            ),
            cause(
                "delivery.unreadable",
                "what is to be sent cannot be read any more",
                "run the version that wrote it",
            ),
            cause(
                "notify.",
                "the platform refused it, or says that it failed",
                "the cause says why. It is not sent again by itself",
            ),
            cause(
                "notify.clock",
                "this machine's clock is wrong, and GOV.UK Notify refuses everything",
                "whoever looks after the machine sets its clock; what waits is sent then",
            ),
            cause(
                "notify.invalid",
                "GOV.UK Notify does not accept what is in it",
                "the cause names which: have it corrected at its source, or in the template",
            ),
            cause(
                "notify.invalid.",
                "GOV.UK Notify does not accept one of its values",
                "mend the value that is named, at its source",
            ),
            cause(
                "notify.key",
                "GOV.UK Notify does not accept the key",
                "whoever looks after the service renews the key; what waits is sent then",
            ),
            cause(
                "notify.no_recipient",
                "it says to nobody where it goes",
                "tell whoever wrote the outbound mapping",
            ),
            cause(
                "notify.no_template",
                "the connector does not know the template",
                "add the template to the connector's `[settings.templates]`",
            ),
            cause(
                "notify.not_a_key",
                "the key has not the shape of a key of GOV.UK Notify",
                "set the right key in the environment",
            ),
            cause(
                "notify.not_found",
                "GOV.UK Notify does not know the template, or the message",
                "see that the connector's template numbers are those of this service",
            ),
            cause(
                "notify.permanent-failure",
                "the platform says that the address does not exist",
                "ask the resident for another, and have it corrected at its source",
            ),
            cause(
                "notify.technical-failure",
                "the platform could not send it, by a fault of its own or a provider's",
                "look at the platform's status page. A letter may be in the post all the same",
            ),
            cause(
                "notify.temporary-failure",
                "the platform tried for days: the inbox is full, or the telephone was off",
                "reach the resident another way",
            ),
            cause(
                "pay.",
                "the platform refused the payment",
                "the cause says why: have it corrected in the mapping or at its source",
            ),
            cause(
                "pay.account",
                "the account may not take payments",
                "ask in GOV.UK Pay's admin tool why",
            ),
            cause(
                "pay.identifier",
                "an identifier is none of the platform's",
                "tell whoever looks after Viaduct",
            ),
            cause(
                "pay.key",
                "the platform does not let us in: the API key is not accepted",
                "whoever looks after the account renews the key; payers can pay from then on",
            ),
            cause(
                "pay.no_payment",
                "what is to be done is no payment, and GOV.UK Pay takes nothing else",
                "mend the outbound mapping: its `destination` is for messages, `[payment]` for payments",
            ),
            cause(
                "pay.paid_twice",
                "two payments of one request were paid. The cause names both",
                "give one of them back in GOV.UK Pay's admin tool, and tell the payer",
            ),
            cause(
                "pay.too_many",
                "too many payments of the platform have this reference to look through",
                "choose a reference in the mapping that fewer payments share, and look in the admin tool",
            ),
            cause(
                "payment.",
                "what the mapping asks for cannot be paid: nothing, too much, or what the platform refuses",
                "the cause says which part: mend the mapping, or give it a `when`",
            ),
            cause(
                "hold.no_debt",
                "a hold names a debt that is no account of the person's; until it is known, it covers all of \
                 their debts",
                "find out which account is meant; put the hold down again with its reference, and lift this \
                 one",
            ),
            cause(
                "hold.no_match",
                "a hold names nobody we know: somebody who must not be chased may be",
                "find the person with `viaduct resident search`; put the hold down again by `--resident`, and \
                 lift this one. It is matched by itself when a record with their key comes",
            ),
            cause(
                "suppressed.",
                "the suppression gate kept it here",
                "read the cause; the gate judges by what the source systems say",
            ),
            cause(
                "suppressed.cap",
                "the resident was contacted as often as the rules of suppression allow",
                "nothing: it is judged again when there is room",
            ),
            cause(
                "suppressed.consent",
                "the resident does not want, or has not agreed, to be contacted",
                "ask them the next time they call, and record the answer where their contacts are kept",
            ),
            cause(
                "suppressed.deceased",
                "the resident has died",
                "send nothing. If they are alive, have it corrected in the system that says otherwise",
            ),
            cause(
                "suppressed.hold",
                "a hold is in force, such as breathing space, or the account is on hold in its own system",
                "wait until it ends, or lift it with `viaduct hold lift`; do not ask the resident for money another way before then",
            ),
            cause(
                "suppressed.not_a_person",
                "the party is an estate, an organisation or nobody",
                "write by hand to whoever acts for it, if anybody must be told",
            ),
            cause(
                "suppressed.quiet_hours",
                "these are hours at which nobody is written to",
                "nothing: it is judged again when they end",
            ),
            cause(
                "suppressed.test_range",
                "the address is of a range for tests, and this is production",
                "have it corrected at its source; `test_ranges = \"allow\"` is for rehearsals alone",
            ),
            cause(
                "suppressed.unknown",
                "the resident is not known any more",
                "nothing: there is nobody to tell",
            ),
        ],
    },
    Chapter { title: "Pushes: what other systems are told", causes: pushes::CAUSES },
    Chapter {
        title: "Jobs",
        causes: &[
            cause(
                "job.broken",
                "something that cannot happen did",
                "tell whoever looks after Viaduct, with the log",
            ),
            cause(
                "settings.missing",
                "a setting or secret that a connector names is not set where Viaduct runs",
                "set it in the environment",
            ),
            cause(
                "store.",
                "the database refused something",
                "tell whoever looks after Viaduct, with the log",
            ),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_own_words_or_those_of_its_kind() {
        let words = |code: &str| find(code).map(|cause| cause.code);
        assert_eq!(words("xml.malformed"), Some("xml."));
        assert_eq!(words("xml.doctype"), Some("xml.doctype"));
        assert_eq!(words("notify.400"), Some("notify."));
        assert_eq!(words("notify.invalid.phone_number"), Some("notify.invalid."));
        assert_eq!(words("notify.invalid"), Some("notify.invalid"));
        assert_eq!(words("required"), Some("required"));
        assert_eq!(words("fixed.duplicate"), Some("fixed.duplicate"));
        assert_eq!(words("xml.duplicate"), Some("record.duplicate"));
        assert_eq!(words("requiredness"), None);
        assert_eq!(words("record.unheard_of"), None);
    }

    #[test]
    fn every_code_is_there_once_and_says_what_to_do() {
        for chapter in CHAPTERS {
            assert!(chapter.causes.is_sorted_by(|one, next| one.code < next.code), "{chapter:?}");
            for Cause { code, means, remedy, .. } in chapter.causes {
                assert!(means.len() > 10 && remedy.len() > 6, "{code}");
                assert!(!means.ends_with('.') && !remedy.ends_with('.'), "{code}");
            }
        }
    }
}
