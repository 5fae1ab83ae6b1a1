//! The pages: each is a file that asks the hub and a template beside it. Which there are, and who may open them,
//! is in `routes`.

pub mod account;
pub mod alerts;
pub mod audit;
pub mod batches;
pub mod break_glass;
pub mod bulk;
pub mod causes;
pub mod codes;
pub mod connectors;
pub mod deliveries;
pub mod destinations;
pub mod downloads;
pub mod filtering;
pub mod health;
pub mod jobs;
pub mod mappings;
pub mod matches;
pub mod merges;
pub mod nodes;
pub mod provider;
pub mod resident_why;
pub mod residents;
pub mod sign_in;
pub mod statements;
pub mod unknown;
pub mod users;
pub mod views;
pub mod work_orders;

use super::routes::View;
use super::visit::{Answer, Trouble, Visit};
use crate::web::api::routes::Verb;

/// Answers a request that was let in.
pub async fn answer(visit: &Visit) -> Answer {
    match visit.view {
        View::Health => health::show(visit).await,
        View::WorkOrders => work_orders::list(visit).await,
        View::WorkOrder => work_orders::show(visit).await,
        View::Find => work_orders::find(visit).await,
        View::Found => work_orders::found(visit).await,
        View::ShowWorkOrder => work_orders::unmask(visit).await,
        View::HideWorkOrder => work_orders::mask(visit).await,
        View::ReadAgain => work_orders::read_again(visit).await,
        View::Deliveries => deliveries::list(visit).await,
        View::Delivery => deliveries::show(visit).await,
        View::ShowDelivery => deliveries::unmask(visit).await,
        View::HideDelivery => deliveries::mask(visit).await,
        View::Causes => causes::list(visit).await,
        View::Cause => causes::show(visit).await,
        View::ReplayCause => causes::replay(visit).await,
        View::BulkActions => bulk::list(visit).await,
        View::Propose => bulk::propose(visit).await,
        View::BulkAction => bulk::show(visit).await,
        View::ConfirmBulk => bulk::confirm(visit).await,
        View::ApproveBulk => bulk::approve(visit).await,
        View::RefuseBulk => bulk::refuse(visit).await,
        View::DropBulk => bulk::leave(visit).await,
        View::PauseBulk => bulk::pause(visit).await,
        View::ResumeBulk => bulk::resume(visit).await,
        View::Batches => batches::list(visit).await,
        View::Batch => batches::show(visit).await,
        View::AskBatch => batches::ask(visit).await,
        View::DecideBatch => batches::decide(visit).await,
        View::Unknown => unknown::list(visit).await,
        View::AskUnknown => unknown::ask(visit).await,
        View::DecideUnknown => unknown::decide(visit).await,
        View::Destinations => destinations::list(visit).await,
        View::Destination => destinations::show(visit).await,
        View::PauseDestination => destinations::pause(visit).await,
        View::ResumeDestination => destinations::resume(visit).await,
        View::ProbeDestination => destinations::probe(visit).await,
        View::Jobs => jobs::list(visit).await,
        View::RunJob => jobs::run(visit).await,
        View::PauseJob => jobs::turn(visit, Verb::PauseJob, "paused").await,
        View::ResumeJob => jobs::turn(visit, Verb::ResumeJob, "resumed").await,
        View::SkipRun => jobs::turn(visit, Verb::SkipRun, "skipped").await,
        View::Nodes => nodes::show(visit).await,
        View::DrainNode => nodes::turn(visit, Verb::DrainNode, "drained").await,
        View::ResumeNode => nodes::turn(visit, Verb::ResumeNode, "resumed").await,
        View::Connectors => connectors::list(visit).await,
        View::Connector => connectors::show(visit).await,
        View::Codes => codes::list(visit).await,
        View::AskCode => codes::ask(visit).await,
        View::Code => codes::show(visit).await,
        View::DecideCode => codes::decide(visit).await,
        View::ReplayCode => codes::replay(visit).await,
        View::Matches => matches::list(visit).await,
        View::TakeMatch => matches::take(visit).await,
        View::Match => matches::show(visit).await,
        View::SayOfMatch => matches::say(visit).await,
        View::ShowMatch => matches::unmask(visit).await,
        View::HideMatch => matches::mask(visit).await,
        View::Residents => residents::start(visit),
        View::FindResident => residents::find(visit).await,
        View::FoundResidents => residents::found(visit).await,
        View::Resident => residents::show(visit).await,
        View::OpenResident => residents::open(visit).await,
        View::ShowResident => residents::unmask(visit).await,
        View::HideResident => residents::mask(visit).await,
        View::Why => resident_why::why(visit).await,
        View::CompareResident => residents::compare(visit).await,
        View::HoldResident => residents::hold(visit).await,
        View::Mappings => mappings::list(visit).await,
        View::TryMapping => mappings::show(visit).await,
        View::Merges => merges::list(visit).await,
        View::Merge => merges::show(visit).await,
        View::UndoMerge => merges::undo(visit).await,
        View::Audit => audit::list(visit).await,
        View::VerifyAudit => audit::verify(visit).await,
        View::Downloads => downloads::list(visit).await,
        View::MakeDownload => downloads::make(visit).await,
        View::Download => downloads::fetch(visit).await,
        View::AssignCause => causes::assign(visit).await,
        View::SilenceCause => causes::silence(visit).await,
        View::NoteCause => causes::note(visit).await,
        View::NoteWorkOrder => work_orders::note(visit).await,
        View::Acknowledge => health::acknowledge(visit).await,
        View::KeepView => views::keep(visit).await,
        View::RemoveView => views::remove(visit).await,
        View::Alerts => alerts::list(visit).await,
        View::Alert => alerts::show(visit).await,
        View::ReviewAlert => alerts::review(visit).await,
        View::Users => users::list(visit).await,
        View::User => users::show(visit).await,
        View::Invite => users::invite(visit).await,
        View::SetRoles => users::roles(visit).await,
        View::Disable => users::disable(visit).await,
        View::Enable => users::enable(visit).await,
        View::EndSessions => users::sign_out(visit).await,
        View::SignIn => sign_in::show(visit).await,
        View::DoSignIn => sign_in::sign_in(visit).await,
        View::BreakGlass => break_glass::show(visit).await,
        View::OpenGlass => break_glass::open(visit).await,
        View::ToProvider => provider::away(visit).await,
        View::FromProvider => provider::back(visit).await,
        View::SignOut => sign_in::sign_out(visit).await,
        View::Invitation => sign_in::invitation(visit).await,
        View::Accept => sign_in::accept(visit).await,
        View::Account => account::show(visit).await,
        View::Updates => account::updates(visit).await,
        View::Accessibility => statements::accessibility(visit),
        View::Help => statements::help(visit),
        View::Privacy => statements::privacy(visit),
    }
}

/// The number in a path.
pub fn number(visit: &Visit) -> Result<i64, Trouble> {
    visit.id.parse().map_err(|_| Trouble::NotThere("There is nothing of that number.".to_owned()))
}

/// Words as they stand in an address; those without a value are left out.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        text.append_pair(name, value);
    }
    text.finish()
}

/// A name as it stands in a path.
pub fn in_path(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A way of our own, whatever an address says: another's is never gone to.
pub fn own_way(next: &str) -> &str {
    let safe = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(['\\', '\r', '\n', '\t'])
        && next.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    if safe { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b66_only_our_own_ways_are_gone_to() {
        for theirs in [
            "//evil.example",
            "javascript:alert(1)",
            "https://evil.example/",
            "/\\evil.example",
            "",
            "evil",
            "/a\r\nLocation: x",
            "\t//evil.example",
            "/\t/evil.example",
            "/ü",
        ] {
            assert_eq!(own_way(theirs), "/", "{theirs}");
        }
        assert_eq!(own_way("/work-orders?state=held"), "/work-orders?state=held");
    }
}
