//! What a mapping file says, read into plain structures: which source record, which fields, which
//! steps, and what to do when a value will not do. It collects every fault it meets and decides
//! nothing about records.

use chrono::NaiveDate;

use crate::definition::reader::{Span, Spanned};
use crate::mapping::expression::Expression;
use crate::mapping::template::Template;
use crate::record::delivery::Channel;
use crate::record::document::Condition;
use crate::record::schema::{self, Field, FieldId};

/// `mappings/inbound/<name>.toml`: source record → fragment.
#[derive(Clone, Debug)]
pub struct InboundMapping {
    pub name: String,
    pub source: Spanned<String>,
    pub account: Option<AccountMap>,
    pub parties: Vec<PartyMap>,
    /// Records that are holds: then there is no account and no party.
    pub hold: Option<HoldMap>,
    pub filter: Vec<FilterRule>,
    /// xxh3 of the file's text and of the code lists it names.
    pub version: u64,
}

impl InboundMapping {
    /// Every path that the mapping reads from, wherever it is seen from.
    pub fn paths(&self) -> impl Iterator<Item = &SourcePath> {
        let lists = self.account.iter().flat_map(|account| &account.lists);
        let of_parties = self.parties.iter().flat_map(|party| {
            let role = match &party.role {
                RoleMap::From { path, .. } => Some(path),
                RoleMap::Fixed(_) => None,
            };
            let key = party.key.as_ref().and_then(KeyMap::path);
            party.each.iter().chain(&party.names).chain(key).chain(role)
        });
        let of_fields = self.fields().flat_map(|field| &field.from);
        let of_hold = self.hold.iter().flat_map(|hold| &hold.debts);
        let of_fields = of_fields.chain(of_hold);
        let of_filters = self.filter.iter().filter_map(|rule| match &rule.on {
            FilterOn::Equals { path, .. } => Some(path),
            FilterOn::When(_) => None,
        });
        let of_expressions = self.expressions().flat_map(Expression::paths);
        let of_rules = of_filters.chain(of_expressions);
        lists.map(|list| &list.each).chain(of_parties).chain(of_fields).chain(of_rules)
    }

    /// Every expression of the mapping.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let of_parties = self.parties.iter().flat_map(|party| {
            let key = party.key.as_ref().and_then(KeyMap::expression);
            party.when.iter().chain(key)
        });
        let of_filters = self.filter.iter().filter_map(|rule| match &rule.on {
            FilterOn::When(when) => Some(when),
            FilterOn::Equals { .. } => None,
        });
        let of_fields = self.fields().filter_map(|field| field.expr.as_ref());
        of_parties.chain(of_filters).chain(of_fields)
    }

    /// Every code list that the mapping names.
    pub fn code_lists(&self) -> impl Iterator<Item = &CodeList> {
        let roles = self.parties.iter().filter_map(|party| match &party.role {
            RoleMap::From { codes, .. } => codes.as_ref(),
            RoleMap::Fixed(_) => None,
        });
        self.fields().filter_map(|field| field.codes.as_ref()).chain(roles)
    }

    /// Has a code of a list mean something more. A list that the mapping does not name, or that has the code, stays.
    pub fn add_code(&mut self, list: &str, row: &CodeRow) {
        let mut is_new = false;
        let mut add = |known: &mut CodeList| {
            if known.name == list && known.rows.iter().all(|other| other.code != row.code) {
                known.rows.push(row.clone());
                is_new = true;
            }
        };
        for party in &mut self.parties {
            if let RoleMap::From { codes: Some(codes), .. } = &mut party.role {
                add(codes);
            }
            party.fields.iter_mut().filter_map(|field| field.codes.as_mut()).for_each(&mut add);
        }
        if let Some(account) = &mut self.account {
            let lists = account.lists.iter_mut().flat_map(|list| &mut list.fields);
            let fields = account.fields.iter_mut().chain(lists);
            fields.filter_map(|field| field.codes.as_mut()).for_each(&mut add);
        }
        let of_hold = self.hold.iter_mut().flat_map(|hold| &mut hold.fields);
        of_hold.filter_map(|field| field.codes.as_mut()).for_each(&mut add);
        if is_new {
            // Its version says what it reads with.
            let said = format!("{}{list}{:?}", self.version, (&row.code, &row.value));
            self.version = xxhash_rust::xxh3::xxh3_64(said.as_bytes());
        }
    }

    /// The fields of the account and of the parties, each with what the common record knows of it.
    pub fn known_fields(&self) -> impl Iterator<Item = (&FieldMap, &'static Field)> {
        let of_account = self
            .account
            .iter()
            .flat_map(|account| &account.fields)
            .filter_map(|field| Some((field, schema::account_field(&field.target.value)?)));
        let of_parties = self.parties.iter().flat_map(|party| &party.fields);
        let of_parties =
            of_parties.filter_map(|field| Some((field, schema::party_field(&field.target.value)?)));
        of_account.chain(of_parties)
    }

    /// Every field of the account, of its lists, of the parties and of the hold.
    pub fn fields(&self) -> impl Iterator<Item = &FieldMap> {
        let of_account = self.account.iter().flat_map(|account| {
            account.fields.iter().chain(account.lists.iter().flat_map(|list| &list.fields))
        });
        let of_hold = self.hold.iter().flat_map(|hold| &hold.fields);
        of_account.chain(self.parties.iter().flat_map(|party| &party.fields)).chain(of_hold)
    }
}

/// `[hold]`: what a record says of a hold.
#[derive(Clone, Debug)]
pub struct HoldMap {
    pub fields: Vec<FieldMap>,
    /// Where the references of the debts stand that it covers: every place at each path. Empty: all debts.
    pub debts: Vec<SourcePath>,
    /// Where it is written.
    pub at: Span,
    /// The kinds that the council knows; filled when all definitions are there.
    pub kinds: Vec<String>,
}

/// Facts of the account: once, whoever is liable.
#[derive(Clone, Debug)]
pub struct AccountMap {
    pub kind: String,
    pub fields: Vec<FieldMap>,
    pub lists: Vec<ListMap>,
}

/// A repeating part of the account, such as its instalments.
#[derive(Clone, Debug)]
pub struct ListMap {
    pub name: Spanned<String>,
    pub each: SourcePath,
    pub fields: Vec<FieldMap>,
}

/// One `[[party]]`: the people that one place of the record names.
#[derive(Clone, Debug)]
pub struct PartyMap {
    /// One party for each of these; without it the record itself is the party.
    pub each: Option<SourcePath>,
    /// One party for each person that this one text names ("MR B & MRS C FAKELEY").
    pub names: Option<SourcePath>,
    /// Fields that are of the first of those alone.
    pub of_first: Vec<FieldId>,
    /// Only then is there such a party.
    pub when: Option<Expression>,
    /// What tells this party from the others of the record, tomorrow too.
    pub key: Option<KeyMap>,
    pub role: RoleMap,
    pub fields: Vec<FieldMap>,
}

/// What tells a party from the others of its record.
#[derive(Clone, Debug)]
pub enum KeyMap {
    Path(SourcePath),
    Expression(Expression),
}

impl KeyMap {
    pub fn path(&self) -> Option<&SourcePath> {
        match self {
            KeyMap::Path(path) => Some(path),
            KeyMap::Expression(_) => None,
        }
    }

    pub fn expression(&self) -> Option<&Expression> {
        match self {
            KeyMap::Path(_) => None,
            KeyMap::Expression(expression) => Some(expression),
        }
    }
}

#[derive(Clone, Debug)]
pub enum RoleMap {
    Fixed(String),
    From { path: SourcePath, codes: Option<CodeList>, on_error: OnError },
}

/// One target field and how it is filled.
#[derive(Clone, Debug)]
pub struct FieldMap {
    pub target: Spanned<String>,
    /// The first that is not empty wins. Empty when `value` or `expr` is given.
    pub from: Vec<SourcePath>,
    /// Computed from the record.
    pub expr: Option<Expression>,
    /// A constant.
    pub value: Option<String>,
    pub kind: AsType,
    pub via: Vec<Step>,
    pub codes: Option<CodeList>,
    pub default: Option<String>,
    pub required: bool,
    pub on_error: OnError,
    pub places: FieldPlaces,
}

/// Where the parts of a field are written, for those who check it; the field's own place where one
/// is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldPlaces {
    /// The field's table.
    pub whole: Span,
    pub kind: Span,
    pub via: Span,
    pub codes: Span,
    pub default: Span,
    pub value: Span,
    pub required: Span,
}

/// What a value that will not do means for the row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The row waits for a person. The default: nothing is lost silently.
    #[default]
    Hold,
    /// The field is left empty and the issue is noted.
    Null,
    /// The field takes its `default` and the issue is noted.
    Default,
    /// The batch stops: the file cannot be what it says it is.
    Fail,
}

/// How the text is read. `ByTarget` takes the type of the target field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsType {
    ByTarget,
    Text,
    Nino,
    Nhs,
    SortCode,
    BankAccount,
    Uprn,
    Postcode,
    Phone,
    Email,
    Whole,
    Decimal,
    Flag {
        yes: Vec<String>,
        no: Vec<String>,
    },
    /// The name of a pence format, such as `decimal_pounds`.
    Pence(String),
    /// Date formats, tried in order, such as `%Y-%m-%d`. Two digits of a year are one of the hundred
    /// from `years_from` on.
    Date {
        formats: Vec<String>,
        years_from: Option<u32>,
    },
}

/// One step of `via`, in the order written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Trim,
    CollapseSpaces,
    UpperCase,
    LowerCase,
    TitleCase,
    DigitsOnly,
    StripLeadingZeros,
    NoneIf(Vec<String>),
    /// 1900-01-01 and its like mean "not known".
    DropPlaceholderDates,
    /// 2999-12-31 and its like mean "no end".
    OpenEndedDates,
    Prefix(String),
}

impl Step {
    /// As a mapping writes it.
    pub fn written(&self) -> String {
        match self {
            Step::Trim => "trim".to_owned(),
            Step::CollapseSpaces => "collapse_spaces".to_owned(),
            Step::UpperCase => "upper_case".to_owned(),
            Step::LowerCase => "lower_case".to_owned(),
            Step::TitleCase => "title_case".to_owned(),
            Step::DigitsOnly => "digits_only".to_owned(),
            Step::StripLeadingZeros => "strip_leading_zeros".to_owned(),
            Step::NoneIf(words) => format!("none_if = {words:?}"),
            Step::DropPlaceholderDates => "drop_placeholder_dates".to_owned(),
            Step::OpenEndedDates => "open_ended_dates".to_owned(),
            Step::Prefix(prefix) => format!("prefix = {prefix:?}"),
        }
    }
}

/// Where in a source record a value stands: "Balance/Outstanding", "@ref", "../../Property/UPRN",
/// "c:Status", ".".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePath {
    pub text: String,
    pub at: Span,
    /// Leading `../` parts.
    pub up: usize,
    /// Empty for ".": the place itself.
    pub steps: Vec<PathStep>,
}

/// `ns` is the prefix as written; without one a step matches by local name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStep {
    /// Of several, those alone in which that stands: `[Preferred=true]`.
    Child {
        ns: Option<String>,
        name: String,
        only: Option<Condition>,
    },
    Attribute {
        ns: Option<String>,
        name: String,
    },
}

/// `mappings/codes/<name>.csv`: what a system's code means, and when it meant it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeList {
    pub name: String,
    pub rows: Vec<CodeRow>,
}

/// Both dates are included; an absent one is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeRow {
    /// The line of the file that it stands on, from 1.
    pub line: usize,
    pub code: String,
    pub value: String,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

/// `[[filter]]`: rows that are left out on purpose, counted, with the reason why.
#[derive(Clone, Debug)]
pub struct FilterRule {
    pub on: FilterOn,
    pub because: String,
}

/// Which rows a filter leaves out.
#[derive(Clone, Debug)]
pub enum FilterOn {
    Equals { path: SourcePath, equals: Vec<String> },
    When(Expression),
}

/// `mappings/outbound/<name>.toml`: change event → message.
#[derive(Clone, Debug)]
pub struct OutboundMapping {
    pub name: String,
    pub destination: Spanned<String>,
    /// "resident.address_changed", "account.created".
    pub on: Spanned<String>,
    /// For account events: the parties with these roles are told. Empty means every party.
    pub roles: Vec<String>,
    /// Only changes that these systems bring are told. Empty means all of them.
    pub sources: Vec<Spanned<String>>,
    /// What the suppression gate asks for.
    pub purpose: String,
    pub consent: bool,
    /// It asks for money, so breathing space stops it.
    pub collection: bool,
    /// A newer message takes the place of one that was not sent yet; where nothing is said, that of a
    /// change does, unless it asks what the change was.
    pub newest_only: Option<bool>,
    /// What is behind it for the same resident waits even while it is held.
    pub strict_order: bool,
    /// It goes before all that are not urgent.
    pub urgent: bool,
    /// Only such a change is told.
    pub when: Option<Expression>,
    /// What is asked for beside the message, which brings a link to it.
    pub payment: Option<PaymentMap>,
    /// Alternatives: the first whose `to` is present is sent.
    pub messages: Vec<MessageMap>,
    /// What a system is told, in place of a message to a person.
    pub push: Option<PushMap>,
    pub version: u64,
}

impl OutboundMapping {
    /// Whether it listens for changes that this system brings.
    pub fn listens_to(&self, source: &str) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|wanted| wanted.value == source)
    }
}

#[derive(Clone, Debug)]
pub struct MessageMap {
    pub channel: Channel,
    pub template: String,
    pub template_at: Span,
    /// A field of the resident. A letter goes to the address and has none.
    pub to: Option<String>,
    pub fields: Vec<(String, FieldRef)>,
}

/// `[payment]`: what the resident is asked to pay.
#[derive(Clone, Debug)]
pub struct PaymentMap {
    /// A connector that takes payments.
    pub destination: Spanned<String>,
    pub amount: PaymentValue,
    /// What the payer and the income system know it by.
    pub reference: PaymentValue,
    pub description: PaymentValue,
}

/// A part of a payment: a field, as it is and not as a letter says it; or what stands here.
#[derive(Clone, Debug)]
pub enum PaymentValue {
    Fixed(String),
    Field { of: Subject, name: Spanned<String> },
    Computed(Expression),
}

/// What a message may say of the payment that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentPart {
    Link,
    Amount,
}

/// A value for a placeholder of the template.
#[derive(Clone, Debug)]
pub struct FieldRef {
    pub said: Said,
    /// Used when there is nothing to say; without one the message is held.
    pub default: Option<String>,
}

/// What is said: "name.given" is the resident's, "account.balance" the account's.
#[derive(Clone, Debug)]
pub enum Said {
    /// The name is without the leading "account.".
    Field {
        of: Subject,
        name: Spanned<String>,
    },
    Computed(Expression),
    /// "payment.link", "payment.amount"
    Payment {
        part: PaymentPart,
        at: Span,
    },
}

/// `[push]`: the body that another system gets.
#[derive(Clone, Debug)]
pub enum PushMap {
    Fields(Vec<(String, PushValue)>),
    Template(Spanned<Template>),
}

/// A value of a body, with its type: pence are a number, a date is a text, yes is `true`.
#[derive(Clone, Debug)]
pub enum PushValue {
    Object(Vec<(String, PushValue)>),
    /// What stands here.
    Fixed(serde_json::Value),
    Said {
        said: PushSaid,
        /// Without a value nothing is sent; otherwise it is `null`.
        required: bool,
    },
}

#[derive(Clone, Debug)]
pub enum PushSaid {
    /// The name is without the leading "account.".
    Field {
        of: Subject,
        name: Spanned<String>,
    },
    Computed(Expression),
    Own(PushPart),
}

/// What a push says of itself: "push.id", "push.version".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushPart {
    /// Our name for it, the same however often it is sent.
    Id,
    /// Which change.
    Event,
    /// Our number for the resident.
    Resident,
    /// The resident's version.
    Version,
    /// When it was composed.
    At,
}

impl PushPart {
    pub const ALL: [(&'static str, PushPart); 5] = [
        ("id", PushPart::Id),
        ("event", PushPart::Event),
        ("resident", PushPart::Resident),
        ("version", PushPart::Version),
        ("at", PushPart::At),
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Resident,
    Account,
}
