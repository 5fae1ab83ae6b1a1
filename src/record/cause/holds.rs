//! The codes of holds, and of what else the suppression gate keeps here.

use super::{Chapter, cause};

/// Why nothing may leave.
pub const CHAPTER: Chapter = Chapter {
    title: "Holds, and what may not leave",
    causes: &[
        cause(
            "hold.birth_date",
            "a record of a hold gives a National Insurance number without the date of birth, so that a \
             slip could name somebody else",
            "have the date recorded at its source, and read the row again; until then put the hold down by \
             hand (`viaduct hold add`)",
        ),
        cause(
            "hold.debts",
            "a record of a hold names more than 100 debts",
            "have it name none: then it covers all of them",
        ),
        cause(
            "hold.from",
            "the first day of a hold is none that can be kept",
            "have it mended at its source; until then put the hold down by hand (`viaduct hold add`)",
        ),
        cause(
            "hold.gone",
            "holds are in force whose records do not come with the extract any more; they stay",
            "ask its owner whether they are over; then lift them with `viaduct hold lift`",
        ),
        cause(
            "hold.kind",
            "a record of a hold is of no kind that the council knows",
            "add the kind to `mappings/suppression.toml`, or the code to its code list; then read the row \
             again",
        ),
        cause(
            "hold.nino",
            "a record of a hold has no National Insurance number where it should have one",
            "have it mended at its source; until then put the hold down by hand (`viaduct hold add`)",
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
            "hold.reason",
            "a text of a hold is longer than 1,000 bytes",
            "have it made shorter at its source, or leave it out of the mapping",
        ),
        cause(
            "hold.reference",
            "a record of a hold has no reference, so that it could not be told from another",
            "have it recorded at its source; until then put the hold down by hand (`viaduct hold add`)",
        ),
        cause(
            "hold.resident",
            "a record of a hold names nobody, or names somebody in several ways",
            "have one way recorded at its source: number and date of birth, or the key in a system; until \
             then put the hold down by hand (`viaduct hold add`)",
        ),
        cause(
            "hold.source",
            "a record of a hold has a system without a key, or a key without a system",
            "mend the mapping: `source` and `key` go together",
        ),
        cause(
            "hold.until",
            "the last day of a hold comes before its first, or is none that can be kept",
            "have it mended at its source; a hold that is there stays as it is",
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
};
