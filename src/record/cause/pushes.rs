//! Codes of what other systems are told: of their answers, of bodies, and of addresses.

use super::{Cause, cause};

pub const CAUSES: &[Cause] = &[
    cause(
        "null.refused",
        "a rehearsal was told to refuse some, and this is one of them",
        "nothing: see that whoever finds it knows what they would do",
    ),
    cause(
        "push.",
        "the system does not take this: its answer's status ends the code",
        "ask its owner what is wrong with it; its reference there is the delivery's",
    ),
    cause(
        "push.409",
        "the system says that this conflicts with what it has",
        "ask its owner whether it has it already; if 409 always says so, write `on_409 = \"done\"`",
    ),
    cause(
        "push.422",
        "the system says that it cannot take such a body",
        "ask its owner what it wants; then mend the outbound mapping or its template",
    ),
    cause(
        "push.body",
        "the body is not the JSON or XML that it should be, and was not sent",
        "mend the template; the next change at its source makes a new one",
    ),
    cause(
        "push.gone",
        "the system says that nothing is taken at this address any more",
        "ask its owner for the new address, and mend `url` in the connector",
    ),
    cause(
        "push.key",
        "the system does not let us in",
        "ask its owner about our login; then mend the secret that `auth` names",
    ),
    cause(
        "push.no_push",
        "what is to be sent is a message or a payment, and this system is told by pushes",
        "mend the outbound mapping: a system is told by `[push]`",
    ),
    cause(
        "push.not_a_secret",
        "what is kept as a signing secret is none: `whsec_` and base64 of 24 to 64 bytes",
        "put the right secret where it is kept",
    ),
    cause(
        "push.redirected",
        "the system sends us on to another address, and we go nowhere that nobody named",
        "ask its owner for the right address, and mend `url` in the connector",
    ),
    cause(
        "push.template",
        "the template makes no body of this change",
        "the cause says where: mend the template; the next change makes a new one",
    ),
    cause(
        "push.too_long",
        "the body would be longer than 64 KB",
        "leave out what the system does not need",
    ),
    cause(
        "soap.",
        "a system that speaks SOAP refused it: its answer's status ends the code",
        "see that `url`, `soap` and `action` of its connector are right",
    ),
    cause(
        "soap.fault",
        "a system that speaks SOAP answered with a fault that no rule of its connector knows",
        "the cause has its words, without anybody's: ask its owner; then say in `faults` what such a fault means",
    ),
    cause(
        "soap.key",
        "a system that speaks SOAP does not let us in",
        "ask its owner about our login; then mend the secret that the connector names",
    ),
    cause(
        "soap.not_found",
        "a system that speaks SOAP has no such thing",
        "see whether it was merged or deleted there",
    ),
    cause(
        "soap.question",
        "what a system that speaks SOAP is to be asked cannot be written",
        "see that every place in `body` of its connector has a value",
    ),
    cause("url.", "an address is not one that may be called", "mend it in the connector"),
    cause(
        "url.address",
        "an address leads into this machine, beside it, or into a private network",
        "if it is meant, name its host and port in `allow` of the connector; this machine by its \
         number",
    ),
    cause(
        "url.form",
        "an address has blanks, a name, a password or something else in it that does not belong",
        "write it like `https://orders.example.com/residents`",
    ),
    cause(
        "url.scheme",
        "an address is neither https nor an http that `allow` names",
        "write `https://…`",
    ),
    cause("url.self", "an address is this hub's own", "name the system that is to be told"),
    cause(
        "verint.likely",
        "the CRM knows somebody who may be the one who was to be made known: nothing was written",
        "look in the CRM who it is; if it is another, make the person known there by hand",
    ),
    cause(
        "verint.not_found",
        "the CRM has no case or person of that number any more",
        "see in the CRM whether it was merged; the next poll brings the number that counts",
    ),
    cause(
        "verint.order",
        "the body does not say what the CRM is to do, or says something that it cannot",
        "mend the outbound mapping: the cause says what may stand there",
    ),
    cause(
        "verint.value",
        "a value cannot be told to the CRM",
        "mend the value that is named, at its source",
    ),
];
