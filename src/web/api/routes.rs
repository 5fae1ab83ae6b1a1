//! Every route there is, and what a caller must be allowed to take it. Words are those of the commands.

use self::Verb::*;
use crate::access::scope::Scope;

/// What may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Batches,
    Batch,
    AcceptBatch,
    RefuseBatch,
    Held,
    HeldOne,
    Replay,
    PreviewReplay,
    Deliveries,
    Delivery,
    Release,
    Dismiss,
    Remake,
    Repeat,
    Decide,
    BulkActions,
    BulkAction,
    Pause,
    Resume,
    Audit,
    VerifyAudit,
    Changes,
    Search,
    Resident,
    History,
    Explain,
    Review,
    Matches,
    TakeMatch,
    Match,
    SayOfMatch,
    Acts,
    Act,
    Why,
    Merge,
    Apart,
    Unmerge,
    Split,
    Holds,
    Hold,
    AddHold,
    LiftHold,
    Destinations,
    PauseDestination,
    ResumeDestination,
    Jobs,
    RunJob,
    Openapi,
    Service,
    Connectors,
    Mappings,
    TryMapping,
    Codes,
    AskCode,
    Code,
    DecideCode,
    WorkOrders,
    WorkOrder,
    Find,
    Propose,
    Proposed,
    Confirm,
    Drop,
    Approve,
    Refuse,
    PauseJob,
    ResumeJob,
    SkipRun,
    Nodes,
    ProbeDestination,
    AssignCause,
    SilenceCause,
    NoteCause,
    NoteWorkOrder,
    Acknowledge,
    Views,
    KeepView,
    RemoveView,
    DrainNode,
    ResumeNode,
    Alerts,
    Alert,
    ReviewAlert,
    Users,
    User,
    InviteUser,
    ChangeUser,
    DisableUser,
    EnableUser,
    SignOutUser,
}

/// A way to ask for it.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub method: &'static str,
    /// `{id}` is a number, or the name of a job, a destination, a node or somebody who signs in.
    pub path: &'static str,
    pub verb: Verb,
    pub scope: Scope,
    /// One line for those who look for a way.
    pub does: &'static str,
}

/// What all paths begin with.
pub const ROOT: &str = "/api/v1";

const fn get(path: &'static str, verb: Verb, scope: Scope, does: &'static str) -> Route {
    Route { method: "GET", path, verb, scope, does }
}

const fn post(path: &'static str, verb: Verb, scope: Scope, does: &'static str) -> Route {
    Route { method: "POST", path, verb, scope, does }
}

pub static ROUTES: &[Route] = &[
    get(
        "/service",
        Service,
        Scope::Read,
        "How the service stands: what needs somebody, each source, each destination",
    ),
    get("/work-orders", WorkOrders, Scope::Read, "What came in, the newest first"),
    get("/work-orders/{id}", WorkOrder, Scope::Read, "The story of one"),
    post("/find", Find, Scope::Read, "What a number, a reference or a key leads to"),
    get("/batches", Batches, Scope::Read, "What was read, the newest first"),
    get("/batches/{id}", Batch, Scope::Read, "One batch whole"),
    post(
        "/batches/{id}/accept",
        AcceptBatch,
        Scope::Decide,
        "Takes an extract that is held as it is",
    ),
    post(
        "/batches/{id}/refuse",
        RefuseBatch,
        Scope::Decide,
        "Waits no longer for one that is held",
    ),
    get("/held", Held, Scope::Read, "What waits for a person, in groups; or the items of a code"),
    get("/held/{id}", HeldOne, Scope::Read, "One row, file or message that waits, explained"),
    post("/replay", Replay, Scope::Act, "Reads rows again, in the background"),
    post(
        "/replay/preview",
        PreviewReplay,
        Scope::Act,
        "What that would change and send, on a copy",
    ),
    get("/deliveries", Deliveries, Scope::Read, "How many stand where, and which"),
    get("/deliveries/{id}", Delivery, Scope::Read, "The story of one"),
    post("/deliveries/release", Release, Scope::Act, "Has held ones sent again, in the background"),
    post("/deliveries/dismiss", Dismiss, Scope::Act, "Has held ones never sent"),
    post(
        "/deliveries/remake",
        Remake,
        Scope::Act,
        "Has held ones made anew as things are now, in the background",
    ),
    post(
        "/deliveries/repeat",
        Repeat,
        Scope::Act,
        "Tells a system once more what it had, in the background",
    ),
    post(
        "/deliveries/{id}/decide",
        Decide,
        Scope::Decide,
        "What became of one that nobody answered",
    ),
    get("/bulk", BulkActions, Scope::Read, "What was done to many deliveries at once"),
    post("/bulk", Propose, Scope::Act, "Fixes a set of held ones, and waits for a yes"),
    get("/bulk/{id}", BulkAction, Scope::Read, "How far one is, and what came of its items"),
    get(
        "/bulk/{id}/proposed",
        Proposed,
        Scope::Read,
        "What would become of a set that waits for a yes",
    ),
    post(
        "/bulk/{id}/confirm",
        Confirm,
        Scope::Act,
        "Begins one that was proposed, in the background",
    ),
    post("/bulk/{id}/drop", Drop, Scope::Act, "Has one that was proposed never begin"),
    post(
        "/bulk/{id}/approve",
        Approve,
        Scope::Decide,
        "Agrees to what somebody else asked for, and has it done in the background",
    ),
    post(
        "/bulk/{id}/refuse",
        Refuse,
        Scope::Decide,
        "Has what somebody else asked for never begin",
    ),
    post("/bulk/{id}/pause", Pause, Scope::Act, "Has it stop"),
    post("/bulk/{id}/resume", Resume, Scope::Act, "Goes on with it, in the background"),
    get("/audit", Audit, Scope::Audit, "Who changed what, when and why"),
    get("/audit/verify", VerifyAudit, Scope::Audit, "Whether the log is as it was written"),
    get("/alerts", Alerts, Scope::Audit, "What was done in an emergency, and waits for a review"),
    get("/alerts/{id}", Alert, Scope::Audit, "One of them, and what was done under it"),
    post(
        "/alerts/{id}/review",
        ReviewAlert,
        Scope::Review,
        "Writes what one thinks of it, which ends it; never of what one did oneself",
    ),
    get("/users", Users, Scope::People, "Who may sign in, as what, and how many sessions each has"),
    get("/users/{id}", User, Scope::People, "One of them"),
    post(
        "/users",
        InviteUser,
        Scope::People,
        "Makes somebody new, or another link for somebody who has used none",
    ),
    post(
        "/users/{id}/roles",
        ChangeUser,
        Scope::People,
        "Gives other roles, sources or another owner, which signs them out",
    ),
    post("/users/{id}/disable", DisableUser, Scope::People, "Lets somebody in no more"),
    post("/users/{id}/enable", EnableUser, Scope::People, "Lets somebody in again"),
    post("/users/{id}/sign-out", SignOutUser, Scope::People, "Ends every session of somebody"),
    get("/changes", Changes, Scope::Read, "What became different, from where the asker left off"),
    post("/residents/search", Search, Scope::Read, "Who it may be, by what is known of them"),
    get("/residents/{id}", Resident, Scope::Read, "The common record"),
    get("/residents/{id}/history", History, Scope::Read, "Why somebody was written to"),
    get(
        "/residents/{id}/explain",
        Explain,
        Scope::Read,
        "Why the parties of a resident are one person",
    ),
    post("/residents/{id}/merge", Merge, Scope::Decide, "Another resident is the same person"),
    post("/residents/{id}/split", Split, Scope::Decide, "Some parties are another person"),
    get("/residents/{id}/why", Why, Scope::Read, "What was made for somebody, and why"),
    post("/residents/{id}/apart", Apart, Scope::Decide, "Another resident is another person"),
    get("/matches", Matches, Scope::Read, "Pairs that wait for a steward, a page at a time"),
    post("/matches/take", TakeMatch, Scope::Decide, "The next that nobody else has before them"),
    get("/matches/{id}", Match, Scope::Read, "Two records side by side: 10007-20011"),
    post("/matches/{id}/say", SayOfMatch, Scope::Decide, "The same, different, or nobody can tell"),
    get("/acts", Acts, Scope::Read, "What people decided about who is who, the newest first"),
    get("/acts/{id}", Act, Scope::Read, "One of them, and what left since then"),
    get("/review", Review, Scope::Read, "Who may be one person and waits for a steward"),
    post("/acts/{id}/unmerge", Unmerge, Scope::Decide, "Takes a merge back"),
    get("/holds", Holds, Scope::Read, "The holds that are not over, the newest first"),
    get("/holds/{id}", Hold, Scope::Read, "Everything about one hold"),
    post("/holds", AddHold, Scope::Act, "Puts a hold down: collection stops"),
    post("/holds/{id}/lift", LiftHold, Scope::Decide, "Lifts one hold, and no other"),
    get("/destinations", Destinations, Scope::Read, "How each system that is told stands"),
    post("/destinations/{id}/pause", PauseDestination, Scope::Act, "Sends nothing to it"),
    post("/destinations/{id}/resume", ResumeDestination, Scope::Act, "Sends to it again"),
    post(
        "/destinations/{id}/probe",
        ProbeDestination,
        Scope::Act,
        "Has one message tried now, where it is left alone",
    ),
    get("/jobs", Jobs, Scope::Read, "The jobs there are, and when each comes next"),
    post("/jobs/{id}/run", RunJob, Scope::Act, "Has a job run now, in the background"),
    post("/jobs/{id}/pause", PauseJob, Scope::Act, "Has its schedule stand still"),
    post("/jobs/{id}/resume", ResumeJob, Scope::Act, "Has its schedule go on"),
    post("/jobs/{id}/skip", SkipRun, Scope::Act, "Has its next run passed over"),
    get("/nodes", Nodes, Scope::Read, "Who works here, and what each has in hand until when"),
    post(
        "/nodes/{id}/drain",
        DrainNode,
        Scope::Act,
        "Has one take nothing new: it ends what it has in hand, and others take over",
    ),
    post("/nodes/{id}/resume", ResumeNode, Scope::Act, "Has one take something again"),
    get(
        "/connectors",
        Connectors,
        Scope::Read,
        "The connectors there are, and whether each can be opened",
    ),
    get("/mappings", Mappings, Scope::Read, "The inbound mappings there are"),
    get("/mappings/{id}", TryMapping, Scope::Read, "One tried on its sample, field by field"),
    get("/codes", Codes, Scope::Read, "What codes mean, and which came that no list has"),
    post("/codes", AskCode, Scope::Act, "Asks for a code of a list"),
    get("/codes/{id}", Code, Scope::Read, "One that was asked for, and what it would do"),
    post("/codes/{id}/decide", DecideCode, Scope::Decide, "Says yes or no, as another person"),
    post("/causes/{id}/assign", AssignCause, Scope::Act, "Says who sees to a code"),
    post("/causes/{id}/silence", SilenceCause, Scope::Act, "Has nobody reminded of it until a day"),
    post("/causes/{id}/note", NoteCause, Scope::Act, "Writes something to it"),
    post("/work-orders/{id}/note", NoteWorkOrder, Scope::Act, "Writes something to one"),
    post("/service/acknowledge", Acknowledge, Scope::Act, "Says that somebody has seen an alert"),
    get("/views", Views, Scope::Read, "Lists that are kept under a name"),
    post("/views", KeepView, Scope::Act, "Keeps what a list is cut by under a name"),
    post("/views/{id}/remove", RemoveView, Scope::Act, "Has one no more"),
    get("/openapi.json", Openapi, Scope::Read, "All this as an OpenAPI document"),
];

/// The paths, each once.
pub fn paths() -> Vec<&'static str> {
    let mut paths: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// The table of `docs/api.md`.
pub fn page_table() -> String {
    let mut table = "| route | scope | |\n|---|---|---|\n".to_owned();
    for Route { method, path, scope, does, .. } in ROUTES {
        table.push_str(&format!("| `{method} {path}` | `{}` | {does} |\n", scope.word()));
    }
    table
}
