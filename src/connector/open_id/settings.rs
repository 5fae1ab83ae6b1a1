//! What `sign_in.toml` says: which provider the council's people sign in with, and which of its app roles are which
//! of ours.

use crate::access::right::Role;
use crate::access::token::Algorithm;
use crate::connector::address::Place;
use crate::connector::calling::{self, Tls};
use crate::definition::reader::{File, Spanned};
use crate::definition::secret::SecretReference;
use crate::definition::shape::{Key, key};
use crate::definition::table::Table;

/// The file as written; without a provider where there is none, or not a whole one.
#[derive(Debug, Default)]
pub struct SignInRules {
    pub provider: Option<ProviderRules>,
}

/// One provider, and what its tokens have to say.
#[derive(Debug, Clone)]
pub struct ProviderRules {
    pub issuer: Spanned<String>,
    pub tenant: Option<String>,
    pub client: String,
    pub secret: SecretReference,
    pub address: String,
    pub called: String,
    /// Whether people sign in with a password here beside it.
    pub local_accounts: bool,
    pub person: String,
    pub algorithms: Vec<Algorithm>,
    pub proof: (String, Vec<String>),
    /// Each of ours, and what makes somebody it.
    pub roles: Vec<(Role, Vec<String>)>,
    pub allow: Vec<Spanned<String>>,
    pub tls: Tls,
}

const ISSUER: Key = key(
    "issuer",
    "Who writes the tokens, to the letter: its settings are read below it, at `/.well-known/openid-configuration`. \
     Entra ID's has the number of the council's own tenant in it.",
)
.needed("add `issuer = \"https://login.microsoftonline.com/TENANT/v2.0\"`");
const TENANT: Key = key(
    "tenant",
    "The council's number at a provider that serves many (`tid`): a token of another tenant is refused.",
)
.example("tenant = \"5f0c6b0e-0000-4000-8000-000000000000\"");
const CLIENT: Key = key("client", "Our number at the provider: the application's client id.")
    .needed("add `client = \"…\"` with the number that the provider gave this application");
const SECRET: Key = key("secret", "Where the application's secret is kept.")
    .needed("add `secret = \"secret:SIGN_IN_SECRET\"`");
const ADDRESS: Key = key(
    "address",
    "The address under which browsers reach the screens. People come back from the provider to `/sign-in/back` \
     there: that is the redirect URI to tell it.",
)
.needed("add `address = \"https://hub.example.gov.uk\"`");
const CALLED: Key = key("called", "What the link to the provider says.")
    .example("called = \"Sign in with your council account\"");
const LOCAL_ACCOUNTS: Key = key(
    "local_accounts",
    "Whether people sign in with a password of this service too: `true` where nothing is said. With `false` they come \
     by the provider alone; break-glass accounts open all the same.",
)
.example("local_accounts = false");
const PERSON: Key = key(
    "person",
    "The claim that is a person's number and never changes: `oid` at Entra ID. An e-mail address is none: it is given \
     to somebody else one day.",
)
.example("person = \"oid\"");
const ALGORITHMS: Key = key(
    "algorithms",
    "How tokens may be signed: `RS256`, `PS256`, `ES256`. `RS256` where nothing is said.",
)
.example("algorithms = [\"RS256\"]");
const MULTI_FACTOR: Key = key(
    "multi_factor",
    "What shows in the token that somebody proved by more than a password who they are.",
);
const CLAIM: Key = key("claim", "The claim that says it: `amr`, `acr`, or Entra ID's `acrs`.")
    .example("claim = \"acrs\"");
const ANY_OF: Key =
    key("any_of", "The words of it of which one is needed: `mfa` where nothing is said.")
        .example("any_of = [\"c1\"]");
const ROLES: Key = key(
    "roles",
    "Which app roles of the provider (the claim `roles`, not groups) make somebody what. Whoever has none of them is \
     not let in.",
)
.needed("add `[roles]` with a line such as `support = \"Viaduct.Support\"`");

const USUAL_CALLED: &str = "Sign in with your council account";
const USUAL_PERSON: &str = "sub";
const USUAL_CLAIM: &str = "amr";
const USUAL_PROOF: &str = "mfa";

/// What stands beside each role in the reference.
fn role_key(role: Role) -> Key {
    match role {
        Role::Viewer => key("viewer", "The app roles whose people look, and see values masked."),
        Role::Support => key("support", "The app roles whose people try again, pause and show.")
            .example("support = \"Viaduct.Support\""),
        Role::SupportLead => key(
            "support-lead",
            "The app roles whose people decide, and approve what others ask for.",
        ),
        Role::Integrator => key("integrator", "The app roles whose people connect systems."),
        Role::Approver => key("approver", "The app roles whose people approve what goes live."),
        Role::DataSteward => key("data-steward", "The app roles whose people say who is who."),
        Role::Manager => key("manager", "The app roles whose people see how it goes, and no row."),
        Role::Governance => key("governance", "The app roles whose people read the audit log."),
        Role::Administrator => {
            key("administrator", "The app roles whose people manage who may sign in.")
        }
    }
}

pub fn read(file: &File) -> SignInRules {
    let root = file.root();
    let provider = parts(&root);
    root.finish();
    SignInRules { provider }
}

/// Reads the keys; also how they are described.
pub fn parts(root: &Table<'_>) -> Option<ProviderRules> {
    let (issuer, tenant) = (root.need_text(ISSUER), root.text(TENANT));
    let (client, secret) = (root.need_text(CLIENT), root.secret(SECRET));
    let address = root.need_text(ADDRESS);
    let called = root.text_or(CALLED, USUAL_CALLED);
    let local_accounts = root.flag(LOCAL_ACCOUNTS).is_none_or(|said| said.value);
    let person = root.text_or(PERSON, USUAL_PERSON);
    let algorithms = algorithms(root);
    let proof = root.table(MULTI_FACTOR).map(|table| {
        let claim = table.text_or(CLAIM, USUAL_CLAIM);
        let any_of: Vec<String> =
            table.texts(ANY_OF).unwrap_or_default().into_iter().map(|word| word.value).collect();
        table.finish();
        (claim, any_of)
    });
    let (claim, mut any_of) = proof.unwrap_or_else(|| (USUAL_CLAIM.to_owned(), vec![]));
    if any_of.is_empty() {
        any_of.push(USUAL_PROOF.to_owned());
    }
    let roles = root.table(ROLES).map(roles).unwrap_or_default();
    let allow = root.texts(calling::ALLOW).unwrap_or_default();
    let tls = calling::tls(root);
    if person == "email" || person == "preferred_username" || person == "upn" {
        let what =
            format!("`{person}` is not who somebody is: it is given to somebody else one day");
        let help = "name a number that never changes: `oid` at Entra ID, else `sub`".to_owned();
        root.error(root.at_value("person"), what, "an address", Some(help));
    }
    if let Some(issuer) = &issuer {
        calling::judge(root, issuer, &allow, Place::of);
    }
    if let Some(address) = &address {
        judge_address(root, address);
    }
    let tenant = tenant.map(|tenant| tenant.value);
    Some(ProviderRules {
        issuer: issuer?,
        tenant,
        client: client?.value,
        secret: secret?.value,
        address: address?.value.trim_end_matches('/').to_owned(),
        called,
        local_accounts,
        person,
        algorithms,
        proof: (claim, any_of),
        roles,
        allow,
        tls,
    })
}

fn algorithms(root: &Table<'_>) -> Vec<Algorithm> {
    let mut found = Vec::new();
    for word in root.texts(ALGORITHMS).unwrap_or_default() {
        match Algorithm::ALL.into_iter().find(|known| known.word() == word.value) {
            Some(known) => found.push(known),
            None => {
                let what = format!("tokens signed by `{}` are not taken", word.value);
                let help = "RS256, PS256 or ES256: what is not signed, or signed with a secret that both know, \
                            proves nothing"
                    .to_owned();
                root.error(word.at, what, "not on the list", Some(help));
            }
        }
    }
    if found.is_empty() {
        found.push(Algorithm::Rs256);
    }
    found
}

fn roles(table: Table<'_>) -> Vec<(Role, Vec<String>)> {
    let mut found = Vec::new();
    let mut written: Vec<(String, Role)> = Vec::new();
    for role in Role::ALL {
        let words = table.texts(role_key(role)).unwrap_or_default();
        for word in &words {
            written.push((word.value.clone(), role));
        }
        if !words.is_empty() {
            found.push((role, words.into_iter().map(|word| word.value).collect()));
        }
    }
    if found.is_empty() {
        let help = "write a line such as `support = \"Viaduct.Support\"`".to_owned();
        table.error(
            table.at(),
            "nobody could sign in",
            "no app role makes anybody anything",
            Some(help),
        );
    }
    let both = |one: &str| {
        let is = |wanted| written.iter().any(|(word, role)| word == one && *role == wanted);
        is(Role::Administrator) && (is(Role::Support) || is(Role::SupportLead))
    };
    if let Some((word, _)) = written.iter().find(|(word, _)| both(word)) {
        let what = format!("`{word}` both manages people and sees residents");
        let help = "give administrators an app role of their own".to_owned();
        table.file().warn(table.at(), what, "one role for both", Some(help));
    }
    table.finish();
    found
}

/// Browsers are sent back there with what opens a session: nobody else may read it.
fn judge_address(root: &Table<'_>, address: &Spanned<String>) {
    if address.value.contains("${") {
        return;
    }
    let wrong = |what: String, label: &str| {
        let help = "write it like `https://hub.example.gov.uk`".to_owned();
        root.error(address.at, what, label.to_owned(), Some(help));
    };
    match Place::of(&address.value) {
        Err(fault) => wrong(fault.to_string(), "not an address"),
        Ok(place) => {
            let here = place.number().is_some_and(|number| number.is_loopback());
            let bare = address.value.trim_end_matches('/');
            if place.is_plain() && !here {
                wrong("what opens a session would go without encryption".to_owned(), "not https");
            } else if bare.matches('/').count() > 2 {
                wrong(
                    "the screens are at the top of an address, not below it".to_owned(),
                    "a path",
                );
            }
        }
    }
}
