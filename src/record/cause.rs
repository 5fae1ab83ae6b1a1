//! What the codes of held things mean, in words, and what a person does about them: one table, for
//! the commands, the screens and the docs. A code that ends in a dot stands for all that begin so.
//!
//! The code is a name for machines and for searching; only these words are for people.

mod pushes;
mod rows;

mod holds;

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
    Chapter { title: "Rows and files: what the source gave", causes: rows::GIVEN },
    Chapter { title: "Rows: what a field says", causes: rows::FIELDS },
    Chapter {
        title: "Messages and payments",
        causes: &[
            cause(
                "civica_pay.",
                "Civica Pay refused the payment",
                "look its code up with whoever looks after Civica Pay; then mend the connector or the mapping",
            ),
            cause(
                "civica_pay.00001",
                "Civica Pay does not accept one of the payment's values",
                "see that `catalogue_id` and `cost_code` of the connector, and the reference that the mapping \
                 gives, are such as Civica Pay takes for this fund",
            ),
            cause(
                "civica_pay.door",
                "something in front of Civica Pay does not let us in",
                "ask whoever looks after its network whether this machine may call it",
            ),
            cause(
                "civica_pay.no_payment",
                "what is to be done is no payment, and Civica Pay takes nothing else",
                "mend the outbound mapping: its `destination` is for messages, `[payment]` for payments",
            ),
            cause(
                "civica_pay.other_amount",
                "Civica Pay says that another amount was paid than was asked for, or says it in no way that can be \
                 read",
                "look for the reference in Civica Pay, and put right what was paid",
            ),
            cause(
                "civica_pay.paid_twice",
                "two baskets of one request were paid. The cause names them where Civica Pay does",
                "give one of them back in Civica Pay, and tell the payer",
            ),
            cause(
                "civica_pay.too_many",
                "too many attempts to pay have this reference to look through",
                "look for the reference in Civica Pay",
            ),
            cause(
                "delivery.attempts",
                "it was tried as often as the job allows, and did not get through",
                "find out whether the platform is up; then tell the resident by hand if it cannot wait",
            ),
            cause(
                "delivery.behind",
                "a newer one of the same mapping went out, and nobody knows whether it took effect",
                "decide about the newer one (viaduct deliveries decide); then release this one",
            ),
            cause(
                "delivery.crashed",
                "whoever sent it died of it, three times",
                "tell the developers its number: it is not sent again by itself; released, its platform is asked first \
                 whether it took effect",
            ),
            cause(
                "delivery.daily_cap",
                "as many as the day allows have left by this channel",
                "nothing: it goes after midnight UTC. Have the limit raised at the platform, and then in the connector's file, if that is too late",
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
                "delivery.remade",
                "a person had it made anew, and the new one took its place; this one was not sent",
                "nothing: its story names the new one",
            ),
            cause(
                "delivery.replaced",
                "a newer one of the same mapping says what is so now, and this was not sent yet",
                "nothing: the newer one goes",
            ),
            cause(
                "delivery.stale",
                "it came late: a newer one of the same mapping was sent before it",
                "nothing: the resident has been told what is so now",
            ),
            cause(
                "delivery.taken_back",
                "a payment that was made, and the platform says by now that it was not, or not any more",
                "look at it in the platform's own pages, and tell income; if it is still owed, release it and its payer may pay again",
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
                "identity.correction",
                "a system was told of somebody else than is meant: two people were taken for one, or one for two",
                "look at it, and have it made anew (`viaduct deliveries remake`): it says then what is so now; or dismiss it",
            ),
            cause(
                "identity.parted",
                "it was composed while two people were taken for one, and was not sent",
                "have it made anew (`viaduct deliveries remake`), or dismiss it; it cannot be released as it is",
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
        ],
    },
    Chapter { title: "Pushes: what other systems are told", causes: pushes::CAUSES },
    holds::CHAPTER,
    Chapter {
        title: "Jobs",
        causes: &[
            cause(
                "civica.",
                "OpenRevenues does not know what it is asked for",
                "see that `url` of its connector is right",
            ),
            cause(
                "civica.door",
                "something in front of OpenRevenues does not let us in",
                "ask whoever looks after its network whether this machine may call it",
            ),
            cause(
                "civica.sign_in",
                "OpenRevenues refuses our sign-in: the password is wrong or ran out, or the account is locked",
                "have the account unlocked or its password renewed, and set it in the environment. It is not tried \
                 again before the time that the cause names, or before a new one is set",
            ),
            cause(
                "job.broken",
                "something that cannot happen did",
                "tell whoever looks after Viaduct, with the log",
            ),
            cause(
                "login.token",
                "where tokens for a system are fetched, nobody lets us in",
                "ask its owner about our login; then mend `client` and the secret that `auth` names",
            ),
            cause(
                "poll.",
                "a system that is asked does not know what it is asked for",
                "see that `url`, `query` and `paging` of its connector are right",
            ),
            cause(
                "poll.key",
                "a system that is asked does not let us in",
                "ask its owner about our login; then mend the secret that `auth` names",
            ),
            cause(
                "settings.certificate",
                "what stands where a certificate should is none, or its key is not with it",
                "set it as PEM in the environment, the certificate first and its key behind it",
            ),
            cause(
                "settings.missing",
                "a setting or secret that a connector names is not set where Viaduct runs",
                "set it in the environment",
            ),
            cause(
                "sftp.host_key",
                "a server that files are fetched from shows another key than was written down",
                "nothing was sent to it. Ask its owner, by telephone, whether the key was changed; only then mend `host_key`",
            ),
            cause(
                "sftp.login",
                "a server that files are fetched from does not let us in",
                "ask its owner about our login; then mend `user` and the secret that `password` or `private_key` names",
            ),
            cause(
                "sftp.rights",
                "our account may not read the folder that files are fetched from, or not move files in it",
                "ask its owner for the right to read, move and make folders there",
            ),
            cause(
                "sql.",
                "a database that is asked refuses the question",
                "the cause says why: mend the query of its connector",
            ),
            cause(
                "sql.certificate",
                "the connection to a database cannot be encrypted, or its certificate is not believed",
                "name the `authority` that signed for it; where it has no certificate, ask its owner for one",
            ),
            cause(
                "sql.column",
                "a column of the answer has no name of its own, or a type that is not read",
                "name it with AS, or write CAST around it, as the cause says",
            ),
            cause(
                "sql.data",
                "a database that is asked cannot compute a value of a row",
                "make the query bear such a row: NULLIF against a division by nothing, a text in place of a number",
            ),
            cause(
                "sql.database",
                "there is no such database where its address leads",
                "mend the secret that `url` names",
            ),
            cause(
                "sql.login",
                "a database that is asked does not know our name or password",
                "ask its owner about our login; then mend the secret that `url` names",
            ),
            cause(
                "sql.query",
                "a database that is asked does not understand the query",
                "mend the query: the cause has the database's own words",
            ),
            cause(
                "sql.rights",
                "our account in a database may not read what the query asks for",
                "ask its owner to grant SELECT on it, and nothing more",
            ),
            cause(
                "sql.writes",
                "a query tried to change something in a database, which did not let it",
                "take out what writes: a function that it calls may do so",
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
