//! What people may do at the screens: small rights, the roles that bundle them, and what of it a call to the
//! hub is allowed. Keys of the API have scopes; a person's rights are turned into the same.

use std::str::FromStr;

use super::scope::{Allowed, Scope, Scopes};

/// One thing that a person may be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// To be signed in, and no more.
    SignedIn,
    /// How the hub and its systems stand: no rows, no people.
    Health,
    /// Lists and single things, values masked.
    Look,
    /// Values in place of their masks, for a reason.
    Show,
    /// Lists made into files, masked as on the pages.
    Export,
    /// Have it tried again, left, paused, and gone on with.
    Act,
    /// What only a person can know: an unknown outcome, a short batch, the end of a hold.
    Decide,
    /// A resident's record, found and opened for a purpose; its values, for a reason.
    Records,
    /// Who is the same person, and who is not.
    Match,
    /// What codes mean: code lists, and what was asked for.
    Definitions,
    /// To ask for a change of what codes mean.
    Draft,
    /// To say yes or no to what somebody else asked for.
    Approve,
    /// The audit log.
    Audit,
    /// Who may sign in, and with which roles.
    People,
    /// Alerts about those who sign in.
    Alerts,
    /// To write what one thinks of an alert, which ends it.
    Review,
}

impl Right {
    pub const ALL: [Right; 16] = [
        Right::SignedIn,
        Right::Health,
        Right::Look,
        Right::Show,
        Right::Export,
        Right::Act,
        Right::Decide,
        Right::Records,
        Right::Match,
        Right::Definitions,
        Right::Draft,
        Right::Approve,
        Right::Audit,
        Right::People,
        Right::Alerts,
        Right::Review,
    ];

    /// In the words of the page of rights.
    pub fn says(self) -> &'static str {
        match self {
            Right::SignedIn => "be signed in",
            Right::Health => "see how the service stands",
            Right::Look => "look at lists and single things, values masked",
            Right::Show => "show values, for a reason",
            Right::Export => "have lists made into files",
            Right::Act => "try again, leave, pause and resume",
            Right::Decide => "decide what only a person can know",
            Right::Records => {
                "open a resident's record for a purpose, and show its values for a reason"
            }
            Right::Match => "decide who is the same person",
            Right::Definitions => "see what codes mean",
            Right::Draft => "ask for a code",
            Right::Approve => "approve or refuse what somebody else asked for",
            Right::Audit => "read the audit log",
            Right::People => "manage who may sign in",
            Right::Alerts => "see each use of a break-glass account",
            Right::Review => "review each use of a break-glass account, never one's own",
        }
    }

    fn scope(self) -> Option<Scope> {
        match self {
            Right::Look => Some(Scope::Read),
            // Of records alone: what a record is read by asks for the right itself.
            Right::Show | Right::Records => Some(Scope::Show),
            Right::Act => Some(Scope::Act),
            Right::Decide => Some(Scope::Decide),
            Right::Audit => Some(Scope::Audit),
            Right::People => Some(Scope::People),
            Right::Review => Some(Scope::Review),
            Right::SignedIn
            | Right::Health
            | Right::Export
            | Right::Match
            | Right::Definitions
            | Right::Draft
            | Right::Approve
            | Right::Alerts => None,
        }
    }
}

/// What somebody is here. R10, a program that calls the API, has a key in place of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Viewer,
    Support,
    SupportLead,
    Integrator,
    Approver,
    DataSteward,
    Manager,
    Governance,
    Administrator,
}

/// The most that one bulk action of a role may touch, where there is such a number.
const SUPPORT_BULK_MAX: i64 = 1_000;

impl Role {
    pub const ALL: [Role; 9] = [
        Role::Viewer,
        Role::Support,
        Role::SupportLead,
        Role::Integrator,
        Role::Approver,
        Role::DataSteward,
        Role::Manager,
        Role::Governance,
        Role::Administrator,
    ];

    /// The number it has in the operations sheet.
    pub fn id(self) -> &'static str {
        match self {
            Role::Viewer => "R1",
            Role::Support => "R2",
            Role::SupportLead => "R3",
            Role::Integrator => "R4",
            Role::Approver => "R5",
            Role::DataSteward => "R6",
            Role::Manager => "R7",
            Role::Governance => "R8",
            Role::Administrator => "R9",
        }
    }

    /// The word by which it is given and kept.
    pub fn word(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Support => "support",
            Role::SupportLead => "support-lead",
            Role::Integrator => "integrator",
            Role::Approver => "approver",
            Role::DataSteward => "data-steward",
            Role::Manager => "manager",
            Role::Governance => "governance",
            Role::Administrator => "administrator",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Role::Viewer => "Viewer",
            Role::Support => "Support",
            Role::SupportLead => "Support lead",
            Role::Integrator => "Integrator",
            Role::Approver => "Approver",
            Role::DataSteward => "Data steward",
            Role::Manager => "Manager",
            Role::Governance => "Information governance",
            Role::Administrator => "Administrator",
        }
    }

    /// What it may, beyond being signed in.
    pub fn rights(self) -> &'static [Right] {
        use Right::{
            Act, Alerts, Approve, Audit, Decide, Definitions, Draft, Export, Health, Look, Match,
            People, Records, Review, Show,
        };
        match self {
            Role::Viewer => &[Health, Look, Definitions],
            Role::Integrator => &[Health, Look, Definitions, Draft],
            Role::Support => &[Health, Look, Show, Export, Act, Records, Definitions],
            Role::SupportLead => &[Health, Look, Show, Export, Act, Decide, Records, Definitions],
            Role::DataSteward => &[Records, Match],
            Role::Approver => &[Definitions, Approve],
            Role::Manager => &[],
            Role::Governance => &[Audit, Export, Alerts, Review],
            Role::Administrator => &[Health, People, Alerts],
        }
    }

    /// How many things it may touch at once; none where there is no such number.
    fn bulk_max(self) -> Option<i64> {
        match self {
            Role::SupportLead => None,
            Role::Support => Some(SUPPORT_BULK_MAX),
            _ => Some(0),
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Role, String> {
        let found = Role::ALL.into_iter().find(|role| role.word() == word.trim());
        found.ok_or_else(|| {
            let known = Role::ALL.map(Role::word).join(", ");
            format!("there is no such role: it is one or more of {known}")
        })
    }
}

/// Everything that one person is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(Vec<Role>);

impl Roles {
    pub fn new(mut roles: Vec<Role>) -> Roles {
        roles.sort_unstable();
        roles.dedup();
        Roles(roles)
    }

    /// What a break-glass account is while it is open.
    pub fn of_break_glass() -> Roles {
        Roles::new(vec![Role::Administrator])
    }

    /// As they are kept. A word that this program does not know allows nothing.
    pub fn from_words(words: &str) -> Roles {
        Roles::new(words.split(',').filter_map(|word| word.parse().ok()).collect())
    }

    /// `viewer,support`
    pub fn words(&self) -> String {
        self.0.iter().map(|role| role.word()).collect::<Vec<_>>().join(",")
    }

    /// `Viewer, Support`
    pub fn titles(&self) -> String {
        self.0.iter().map(|role| role.title()).collect::<Vec<_>>().join(", ")
    }

    pub fn is(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    pub fn may(&self, right: Right) -> bool {
        right == Right::SignedIn || self.0.iter().any(|role| role.rights().contains(&right))
    }

    /// How many things a bulk action of theirs may touch: of several roles the largest number counts.
    pub fn bulk_max(&self) -> Option<i64> {
        let mut most = Some(0);
        for role in &self.0 {
            most = match (most, role.bulk_max()) {
                (Some(one), Some(other)) => Some(one.max(other)),
                _ => None,
            };
        }
        most
    }

    /// What a call to the hub in their name is allowed.
    pub fn scopes(&self) -> Scopes {
        let allowed = Right::ALL.into_iter().filter(|right| self.may(*right));
        Scopes::new(allowed.filter_map(Right::scope).map(Allowed::Scope).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_kept_as_words_and_read_back() {
        let roles = Roles::new(vec![Role::Support, Role::Viewer, Role::Support]);
        assert_eq!(roles.words(), "viewer,support");
        assert_eq!(Roles::from_words(&roles.words()), roles);
        assert_eq!(Roles::from_words("emperor,,viewer").words(), "viewer");
        for role in Role::ALL {
            assert_eq!(role.word().parse(), Ok(role));
        }
        assert!("emperor".parse::<Role>().unwrap_err().contains("support-lead"));
    }

    #[test]
    fn nobody_may_more_than_their_roles() {
        let nobody = Roles::default();
        assert!(nobody.may(Right::SignedIn) && !nobody.may(Right::Health));
        assert_eq!((nobody.bulk_max(), nobody.scopes().words()), (Some(0), String::new()));
        let one = |role| Roles::new(vec![role]);
        assert_eq!(one(Role::Support).bulk_max(), Some(1_000));
        assert_eq!(one(Role::SupportLead).bulk_max(), None);
        assert_eq!(one(Role::Viewer).scopes().words(), "read");
        assert_eq!(one(Role::Support).scopes().words(), "read,show,act");
        // Whoever looks after people sees none of the residents, and whoever reads the log changes nothing.
        assert!(!one(Role::Administrator).may(Right::Look));
        assert_eq!(one(Role::Governance).scopes().words(), "audit,review");
        let both = Roles::new(vec![Role::Support, Role::SupportLead]);
        assert_eq!(both.bulk_max(), None);
    }
}
