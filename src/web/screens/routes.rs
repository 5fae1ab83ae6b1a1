//! Every page and every action of the screens, and what somebody must be allowed to take it. The very table that
//! requests are checked by is the page of rights (`docs/rights.md`) and what the tests go through.

use self::View::*;
use crate::access::right::{Right, Role, Roles};

/// What is shown or done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    Health,
    WorkOrders,
    WorkOrder,
    Find,
    Found,
    ShowWorkOrder,
    HideWorkOrder,
    ReadAgain,
    Deliveries,
    Delivery,
    ShowDelivery,
    HideDelivery,
    Causes,
    Cause,
    ReplayCause,
    BulkActions,
    Propose,
    BulkAction,
    ConfirmBulk,
    ApproveBulk,
    RefuseBulk,
    DropBulk,
    PauseBulk,
    ResumeBulk,
    Batches,
    Batch,
    AskBatch,
    DecideBatch,
    Unknown,
    AskUnknown,
    DecideUnknown,
    Destinations,
    Destination,
    PauseDestination,
    ResumeDestination,
    ProbeDestination,
    Jobs,
    RunJob,
    PauseJob,
    ResumeJob,
    SkipRun,
    Nodes,
    DrainNode,
    ResumeNode,
    Connectors,
    Connector,
    Codes,
    AskCode,
    Code,
    DecideCode,
    ReplayCode,
    Matches,
    TakeMatch,
    Match,
    SayOfMatch,
    ShowMatch,
    HideMatch,
    Residents,
    FindResident,
    FoundResidents,
    Resident,
    OpenResident,
    ShowResident,
    HideResident,
    Why,
    CompareResident,
    HoldResident,
    Mappings,
    TryMapping,
    Merges,
    Merge,
    UndoMerge,
    Audit,
    VerifyAudit,
    Downloads,
    MakeDownload,
    Download,
    Alerts,
    Alert,
    ReviewAlert,
    Users,
    User,
    Invite,
    SetRoles,
    Disable,
    Enable,
    EndSessions,
    SignIn,
    DoSignIn,
    BreakGlass,
    OpenGlass,
    ToProvider,
    FromProvider,
    SignOut,
    Invitation,
    Accept,
    Account,
    Updates,
    AssignCause,
    SilenceCause,
    NoteCause,
    NoteWorkOrder,
    Acknowledge,
    KeepView,
    RemoveView,
    Accessibility,
    Help,
    Privacy,
}

/// A way to it.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The page of the operations sheet that it is, or is an action of.
    pub page: &'static str,
    pub method: &'static str,
    pub path: &'static str,
    pub view: View,
    /// None where nobody has to be signed in.
    pub right: Option<Right>,
    pub does: &'static str,
}

const fn get(
    page: &'static str,
    path: &'static str,
    view: View,
    right: Right,
    does: &'static str,
) -> Route {
    Route { page, method: "GET", path, view, right: Some(right), does }
}

const fn post(
    page: &'static str,
    path: &'static str,
    view: View,
    right: Right,
    does: &'static str,
) -> Route {
    Route { page, method: "POST", path, view, right: Some(right), does }
}

const fn open(method: &'static str, path: &'static str, view: View, does: &'static str) -> Route {
    Route { page: "P37", method, path, view, right: None, does }
}

pub static ROUTES: &[Route] = &[
    get(
        "P1",
        "/",
        Health,
        Right::SignedIn,
        "Service health; without the right to it, where one may go",
    ),
    get("P2", "/work-orders", WorkOrders, Right::Look, "Work orders"),
    post("P2", "/find", Find, Right::Look, "Find by a number, a reference or a key"),
    get("P2", "/found/{token}", Found, Right::Look, "What a search found"),
    get("P3", "/work-orders/{id}", WorkOrder, Right::Look, "Work order"),
    post(
        "P3",
        "/work-orders/{id}/show",
        ShowWorkOrder,
        Right::Show,
        "Show its values, for a reason",
    ),
    post("P3", "/work-orders/{id}/hide", HideWorkOrder, Right::Show, "Mask them again"),
    post("P3", "/held/{id}/read-again", ReadAgain, Right::Act, "Read a held row again"),
    get("P3", "/deliveries/{id}", Delivery, Right::Look, "Message, payment or push"),
    post("P3", "/deliveries/{id}/show", ShowDelivery, Right::Show, "Show its values, for a reason"),
    post("P3", "/deliveries/{id}/hide", HideDelivery, Right::Show, "Mask them again"),
    get("P2", "/deliveries", Deliveries, Right::Look, "Messages, payments and pushes"),
    get("P4", "/causes", Causes, Right::Look, "Causes"),
    get("P4", "/causes/{id}", Cause, Right::Look, "One cause, and what it holds"),
    post(
        "P4",
        "/causes/{id}/read-again",
        ReplayCause,
        Right::Act,
        "Read all rows of a cause again",
    ),
    post(
        "P4",
        "/causes/{id}/assign",
        AssignCause,
        Right::Act,
        "Take it, or give it up; a lead, give it",
    ),
    post("P4", "/causes/{id}/silence", SilenceCause, Right::Act, "Remind nobody of it until a day"),
    post("P4", "/causes/{id}/note", NoteCause, Right::Act, "Write something to it"),
    post("P3", "/work-orders/{id}/note", NoteWorkOrder, Right::Act, "Write something to it"),
    post(
        "P1",
        "/acknowledge",
        Acknowledge,
        Right::Act,
        "Say that an alert has been seen, for a day",
    ),
    post("P5", "/bulk", Propose, Right::Act, "Look at what a bulk action would do"),
    get("P6", "/bulk", BulkActions, Right::Look, "Bulk actions"),
    get(
        "P6",
        "/bulk/{id}",
        BulkAction,
        Right::Look,
        "Bulk action; before it is begun, the question whether it is meant",
    ),
    post(
        "P5",
        "/bulk/{id}/confirm",
        ConfirmBulk,
        Right::Act,
        "Begin it; more than 1,000 messages or any payment: ask for somebody else's word",
    ),
    post(
        "P5",
        "/bulk/{id}/approve",
        ApproveBulk,
        Right::Decide,
        "Agree to what somebody else asked for; never to one's own",
    ),
    post(
        "P5",
        "/bulk/{id}/refuse",
        RefuseBulk,
        Right::Decide,
        "Refuse what somebody else asked for",
    ),
    post("P5", "/bulk/{id}/drop", DropBulk, Right::Act, "Leave it"),
    post("P6", "/bulk/{id}/pause", PauseBulk, Right::Act, "Pause it"),
    post("P6", "/bulk/{id}/resume", ResumeBulk, Right::Act, "Go on with it"),
    get("P7", "/batches", Batches, Right::Look, "Files and calls that were read"),
    get("P7", "/batches/{id}", Batch, Right::Look, "Batch or file"),
    get(
        "P7",
        "/batches/{id}/decide",
        AskBatch,
        Right::Decide,
        "Accept or refuse a file: the question",
    ),
    post("P7", "/batches/{id}/decide", DecideBatch, Right::Decide, "Accept or refuse it"),
    get("P8", "/unknown", Unknown, Right::Look, "Unknown outcomes"),
    get("P8", "/unknown/{id}", AskUnknown, Right::Decide, "What became of one: the question"),
    post("P8", "/unknown/{id}", DecideUnknown, Right::Decide, "Say what became of it"),
    get("P9", "/destinations", Destinations, Right::Look, "Systems that are told"),
    get("P9", "/destinations/{id}", Destination, Right::Look, "Destination"),
    post("P9", "/destinations/{id}/pause", PauseDestination, Right::Act, "Send nothing to it"),
    post("P9", "/destinations/{id}/resume", ResumeDestination, Right::Act, "Send to it again"),
    post(
        "P9",
        "/destinations/{id}/probe",
        ProbeDestination,
        Right::Act,
        "Try one message now, where it is left alone",
    ),
    get("P10", "/jobs", Jobs, Right::Look, "Schedules"),
    post("P10", "/jobs/{id}/run", RunJob, Right::Act, "Run a job now"),
    post("P10", "/jobs/{id}/pause", PauseJob, Right::Act, "Have its schedule stand still"),
    post("P10", "/jobs/{id}/resume", ResumeJob, Right::Act, "Have its schedule go on"),
    post("P10", "/jobs/{id}/skip", SkipRun, Right::Act, "Have its next run passed over"),
    get("P11", "/nodes", Nodes, Right::Health, "Nodes: who works here, and what each has in hand"),
    post(
        "P11",
        "/nodes/{id}/drain",
        DrainNode,
        Right::Act,
        "Have one take nothing new: it ends what it has in hand, and others take over",
    ),
    post("P11", "/nodes/{id}/resume", ResumeNode, Right::Act, "Have it take something again"),
    get("P12", "/connectors", Connectors, Right::Look, "Connectors"),
    get("P12", "/connectors/{id}", Connector, Right::Look, "Connector"),
    get("P14", "/mappings", Mappings, Right::Definitions, "Mappings"),
    get("P14", "/mappings/{id}", TryMapping, Right::Definitions, "A mapping tried on its sample"),
    get("P16", "/codes", Codes, Right::Definitions, "Code lists"),
    post("P16", "/codes", AskCode, Right::Draft, "Ask for a code"),
    get("P16", "/codes/{id}", Code, Right::Definitions, "A code that was asked for"),
    post("P16", "/codes/{id}", DecideCode, Right::Approve, "Approve or refuse it; never one's own"),
    post("P16", "/codes/{id}/read-again", ReplayCode, Right::Act, "Read again what waits"),
    get("P20", "/matches", Matches, Right::Match, "Possible matches"),
    post("P20", "/matches/take", TakeMatch, Right::Match, "Take the next"),
    get("P21", "/matches/{id}", Match, Right::Match, "Compare two records"),
    post("P21", "/matches/{id}", SayOfMatch, Right::Match, "Same, different, or cannot tell"),
    post("P21", "/matches/{id}/show", ShowMatch, Right::Match, "Show its values, for a reason"),
    post("P21", "/matches/{id}/hide", HideMatch, Right::Match, "Mask them again"),
    get("P22", "/residents", Residents, Right::Records, "Find a resident"),
    post("P22", "/residents/find", FindResident, Right::Records, "Find by what is known of them"),
    get("P22", "/residents/found/{token}", FoundResidents, Right::Records, "Who was found"),
    get(
        "P22",
        "/residents/{id}",
        Resident,
        Right::Records,
        "Resident record; before that, what it is opened for",
    ),
    post("P22", "/residents/{id}/open", OpenResident, Right::Records, "Open it, for a purpose"),
    post(
        "P22",
        "/residents/{id}/show",
        ShowResident,
        Right::Records,
        "Show its values, for a reason",
    ),
    post("P22", "/residents/{id}/hide", HideResident, Right::Records, "Mask them again"),
    get("P22", "/residents/{id}/why", Why, Right::Records, "Why we wrote to them"),
    post("P22", "/residents/{id}/compare", CompareResident, Right::Match, "Compare with another"),
    post("P22", "/residents/{id}/hold", HoldResident, Right::Act, "Put a hold down"),
    get("P23", "/merges", Merges, Right::Match, "Merge history"),
    get("P23", "/merges/{id}", Merge, Right::Match, "What somebody decided, and what left since"),
    post("P23", "/merges/{id}/undo", UndoMerge, Right::Match, "Undo a merge"),
    get("P31", "/audit", Audit, Right::Audit, "Audit"),
    get("P31", "/audit/verify", VerifyAudit, Right::Audit, "Whether the log is as it was written"),
    post("P2", "/views", KeepView, Right::Look, "Keep what a list is cut by under a name"),
    post(
        "P2",
        "/views/{id}/remove",
        RemoveView,
        Right::Look,
        "Have one no more: one's own; a lead, a shared one",
    ),
    get("P2", "/downloads", Downloads, Right::Export, "Your downloads"),
    post("P2", "/downloads", MakeDownload, Right::Export, "Have a list made into a file"),
    get("P2", "/downloads/{id}", Download, Right::Export, "Fetch one of one's own, for a day"),
    get(
        "P35",
        "/alerts",
        Alerts,
        Right::Alerts,
        "Alerts: uses of break-glass accounts, and links that set a password anew",
    ),
    get("P35", "/alerts/{id}", Alert, Right::Alerts, "One of them, and what was done under it"),
    post(
        "P35",
        "/alerts/{id}/review",
        ReviewAlert,
        Right::Review,
        "Write what one thinks of it, which ends it; never of what one did oneself",
    ),
    get("P35", "/users", Users, Right::People, "Users and sessions"),
    post("P35", "/users", Invite, Right::People, "Invite somebody"),
    get("P35", "/users/{id}", User, Right::People, "User"),
    post("P35", "/users/{id}/roles", SetRoles, Right::People, "Give other roles; never one's own"),
    post(
        "P35",
        "/users/{id}/disable",
        Disable,
        Right::People,
        "Let somebody in no more; never oneself",
    ),
    post("P35", "/users/{id}/enable", Enable, Right::People, "Let somebody in again"),
    post("P35", "/users/{id}/sign-out", EndSessions, Right::People, "End their sessions"),
    open("GET", "/sign-in", SignIn, "Sign in"),
    open("POST", "/sign-in", DoSignIn, "Sign in"),
    open("GET", "/break-glass", BreakGlass, "Open an account for an emergency, for an hour"),
    open("POST", "/break-glass", OpenGlass, "Open it"),
    open(
        "GET",
        "/sign-in/provider",
        ToProvider,
        "Go to the council's own sign-in, where `sign_in.toml` names one",
    ),
    open("GET", "/sign-in/back", FromProvider, "Come back from it"),
    open("GET", "/invitation/{token}", Invitation, "Set a password and one-time codes"),
    open("POST", "/invitation/{token}", Accept, "Set them"),
    post("P37", "/sign-out", SignOut, Right::SignedIn, "Sign out"),
    get("P37", "/account", Account, Right::SignedIn, "Your account"),
    post("P37", "/account/updates", Updates, Right::SignedIn, "Pause or resume updates of pages"),
    open("GET", "/accessibility", Accessibility, "Accessibility statement"),
    open("GET", "/help", Help, "Help"),
    open("GET", "/privacy", Privacy, "Privacy and cookies"),
];

/// The paths, each once.
pub fn paths() -> Vec<&'static str> {
    let mut paths: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// Whether somebody with these roles may take a route.
pub fn may(route: &Route, roles: &Roles) -> bool {
    route.right.is_none_or(|right| roles.may(right))
}

/// `docs/rights.md`.
pub fn page() -> String {
    let mut page = String::from(
        "# Rights\n\n\
         Made by `viaduct schema --write docs` from the very tables that requests are checked by; do not edit. How people are invited and\n\
         given roles is in [screens.md](screens.md); what a program may is its key's scopes ([api.md](api.md)), and it is R10. R11 is an account for\n\
         an emergency: it is what R9 is for 60 minutes each time it is opened, and nothing else ([screens.md](screens.md), \"Break-glass\").\n\n\
         A role may be given for rows of some sources only (`--source`): then lists and single work orders show those, and pages that show rows\n\
         of every source are closed. Rights are looked at on each request, and again by the hub for what is asked of it. Whoever has several roles\n\
         may what any of them may. Nobody changes their own roles.\n\n\
         ## What each role may\n\n| | role | may | things in one bulk action |\n|---|---|---|---|\n",
    );
    for role in Role::ALL {
        let roles = Roles::new(vec![role]);
        let may: Vec<&str> = role.rights().iter().map(|right| right.says()).collect();
        let may = if may.is_empty() {
            "sign in; their pages are not built yet".to_owned()
        } else {
            may.join("; ")
        };
        let bulk = match roles.bulk_max() {
            _ if !roles.may(Right::Act) => "-".to_owned(),
            None => "any number".to_owned(),
            Some(most) => most.to_string(),
        };
        page.push_str(&format!(
            "| {} | {} (`{}`) | {may} | {bulk} |\n",
            role.id(),
            role.title(),
            role.word()
        ));
    }
    page.push_str(
        "| R11 | Break-glass | what an administrator may, for 60 minutes each time; every use is an alert to R8 and R9 until R8 has reviewed it | - |\n",
    );
    page.push_str("\n## Who may open and do what\n\n| page | | |");
    for role in Role::ALL {
        page.push_str(&format!(" {} |", role.id()));
    }
    page.push_str(" R11 |");
    page.push_str("\n|---|---|---|");
    page.push_str(&"---|".repeat(Role::ALL.len() + 1));
    page.push('\n');
    for route in ROUTES {
        page.push_str(&format!(
            "| {} | {} | `{} {}` |",
            route.page, route.does, route.method, route.path
        ));
        for role in Role::ALL {
            let mark = if may(route, &Roles::new(vec![role])) { "yes" } else { "" };
            page.push_str(&format!(" {mark} |"));
        }
        let mark = if may(route, &Roles::of_break_glass()) { "yes" } else { "" };
        page.push_str(&format!(" {mark} |"));
        page.push('\n');
    }
    page.push_str("\nWhat asks for no right at all (signing in, invitations, help) is open to everybody who reaches the address.\n");
    page
}
