//! Numbering plans: what lengths and digits a country's numbers have. The metadata is
//! libphonenumber's, by way of the `phonenumber` crate; its own parser differs from the platform's
//! in the corners that matter here, so only its tables are used. A plan knows nothing of who may be
//! sent to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, OnceLock};

use phonenumber::Metadata;
use phonenumber::metadata::{DATABASE, Descriptor};
use regex::Regex;

/// How a national number's length fits the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Possible,
    LocalOnly,
    TooShort,
    TooLong,
    Wrong,
}

/// What a number is for, as far as sending goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Premium,
    Freephone,
    SharedCost,
    InternetCall,
    Personal,
    Pager,
    /// A number for a whole company, such as the UK's 03.
    Company,
    Voicemail,
    FixedLine,
    Mobile,
    FixedLineOrMobile,
}

/// The numbering plan of one region.
pub struct Plan {
    region: &'static str,
    code: u16,
    general: Pattern,
    kinds: Vec<(Kind, Shape)>,
    mobile_is_fixed: bool,
    lengths: BTreeSet<usize>,
    local_lengths: BTreeSet<usize>,
    exit_code: Option<Pattern>,
    trunk_prefix: Option<(Pattern, Option<&'static str>)>,
    leading_digits: Option<Pattern>,
}

struct Shape {
    pattern: Pattern,
    lengths: Vec<u16>,
}

/// The plan that speaks for a calling code: the main one, where regions share it.
pub fn main_plan(code: u16) -> Option<&'static Plan> {
    PLANS.get(&code)?.first()
}

/// The plan of a region by its two letters.
pub fn plan_of_region(region: &str) -> Option<&'static Plan> {
    PLANS.values().flatten().find(|plan| plan.region == region)
}

/// The plan that a number falls under, among those that share its calling code.
pub fn plan_of_number(code: u16, national: &str) -> Option<&'static Plan> {
    let plans = PLANS.get(&code)?;
    if plans.len() == 1 {
        return plans.first();
    }
    plans.iter().find(|plan| match &plan.leading_digits {
        Some(leading) => leading.is_match(national),
        None => plan.kind(national).is_some(),
    })
}

impl Plan {
    pub fn region(&self) -> &'static str {
        self.region
    }

    pub fn code(&self) -> u16 {
        self.code
    }

    /// Whether the digits fit the plan at all.
    pub fn covers(&self, national: &str) -> bool {
        self.general.is_match(national)
    }

    pub fn length(&self, national: &str) -> Length {
        let length = national.len();
        if self.local_lengths.contains(&length) {
            Length::LocalOnly
        } else if self.lengths.contains(&length) {
            Length::Possible
        } else if self.lengths.first().is_none_or(|&shortest| length < shortest) {
            Length::TooShort
        } else if self.lengths.last().is_some_and(|&longest| length > longest) {
            Length::TooLong
        } else {
            Length::Wrong
        }
    }

    /// What the number is for; nothing means that it is no number of this plan.
    pub fn kind(&self, national: &str) -> Option<Kind> {
        if !self.lengths.contains(&national.len()) || !self.covers(national) {
            return None;
        }
        let found =
            self.kinds.iter().find(|(_, shape)| shape.is_match(national)).map(|&(kind, _)| kind)?;
        let both = found == Kind::FixedLine
            && (self.mobile_is_fixed
                || self
                    .kinds
                    .iter()
                    .any(|(kind, shape)| *kind == Kind::Mobile && shape.is_match(national)));
        Some(if both { Kind::FixedLineOrMobile } else { found })
    }

    /// What follows the digits dialled to leave the country (00 in the UK), if the number starts
    /// with them.
    pub fn after_exit_code<'number>(&self, number: &'number str) -> Option<&'number str> {
        let found = self.exit_code.as_ref()?.regex()?.find(number)?;
        let rest = &number[found.end()..];
        (!rest.starts_with('0')).then_some(rest)
    }

    /// The number without the digits dialled only inside the country (0 in the UK).
    pub fn without_trunk_prefix(&self, number: &str) -> String {
        let Some((pattern, rule)) = &self.trunk_prefix else {
            return number.to_owned();
        };
        let Some(prefix) = pattern.regex() else {
            return number.to_owned();
        };
        let Some(found) = prefix.captures(number) else {
            return number.to_owned();
        };
        let last_group = found.len() - 1;
        let remaining = match rule {
            Some(rule) if last_group > 0 && found.get(last_group).is_some() => {
                prefix.replace(number, *rule).into_owned()
            }
            _ => number[found.get(0).map_or(0, |whole| whole.end())..].to_owned(),
        };
        // A prefix is only a prefix if what is left still fits, or nothing fitted to begin with.
        if self.covers(number) && !self.covers(&remaining) { number.to_owned() } else { remaining }
    }

    fn from(metadata: &'static Metadata) -> Self {
        let descriptors = metadata.descriptors();
        let described = [
            (Kind::Premium, descriptors.premium_rate()),
            (Kind::Freephone, descriptors.toll_free()),
            (Kind::SharedCost, descriptors.shared_cost()),
            (Kind::InternetCall, descriptors.voip()),
            (Kind::Personal, descriptors.personal_number()),
            (Kind::Pager, descriptors.pager()),
            (Kind::Company, descriptors.uan()),
            (Kind::Voicemail, descriptors.voicemail()),
            (Kind::FixedLine, descriptors.fixed_line()),
            (Kind::Mobile, descriptors.mobile()),
        ];
        let known: Vec<(Kind, &Descriptor)> =
            described.into_iter().filter_map(|(kind, found)| Some((kind, found?))).collect();
        let lengths: BTreeSet<usize> = known
            .iter()
            .flat_map(|(_, found)| found.possible_length())
            .map(|&length| usize::from(length))
            .collect();
        let local_lengths = known
            .iter()
            .flat_map(|(_, found)| found.possible_local_length())
            .map(|&length| usize::from(length))
            .filter(|length| !lengths.contains(length))
            .collect();
        let text_of = |wanted: Kind| {
            known
                .iter()
                .find(|(kind, _)| *kind == wanted)
                .map(|(_, found)| found.national_number().as_str())
        };
        Self {
            region: metadata.id(),
            code: metadata.country_code(),
            general: Pattern::whole(descriptors.general().national_number().as_str()),
            mobile_is_fixed: text_of(Kind::FixedLine).is_some()
                && text_of(Kind::FixedLine) == text_of(Kind::Mobile),
            kinds: known.iter().map(|(kind, found)| (*kind, Shape::from(found))).collect(),
            lengths,
            local_lengths,
            exit_code: metadata.international_prefix().map(|found| Pattern::start(found.as_str())),
            trunk_prefix: metadata
                .national_prefix_for_parsing()
                .map(|found| found.as_str())
                .or(metadata.national_prefix())
                .map(Pattern::start)
                .map(|prefix| (prefix, metadata.national_prefix_transform_rule())),
            leading_digits: metadata.leading_digits().map(|found| Pattern::start(found.as_str())),
        }
    }
}

impl Shape {
    fn from(descriptor: &Descriptor) -> Self {
        Self {
            pattern: Pattern::whole(descriptor.national_number().as_str()),
            lengths: descriptor.possible_length().to_vec(),
        }
    }

    fn is_match(&self, national: &str) -> bool {
        let fits = self.lengths.is_empty()
            || self.lengths.iter().any(|&length| usize::from(length) == national.len());
        fits && self.pattern.is_match(national)
    }
}

/// Calling code to plans, the main one first.
static PLANS: LazyLock<BTreeMap<u16, Vec<Plan>>> = LazyLock::new(|| {
    (1..1000)
        .filter_map(|code| Some((code, DATABASE.by_code(&code)?)))
        .map(|(code, regions)| (code, regions.into_iter().map(Plan::from).collect()))
        .collect()
});

/// A pattern compiled when first used: there are thousands, and a test or a day needs a few dozen.
struct Pattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn whole(pattern: &str) -> Self {
        Self::new(format!("(?x)^(?:{pattern})$"))
    }

    fn start(pattern: &str) -> Self {
        Self::new(format!("(?x)^(?:{pattern})"))
    }

    fn new(text: String) -> Self {
        Self { text: text.replace(r"\d", "[0-9]"), compiled: OnceLock::new() }
    }

    /// Nothing where the metadata holds a pattern this engine cannot read: such a plan matches no
    /// number.
    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&self.text).ok()).as_ref()
    }

    fn is_match(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }
}
