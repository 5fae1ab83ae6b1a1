//! The command line. One JSON document on standard output with `--json`; everything else on
//! standard error. Exit: 0 done, 1 it could not be done, 2 the call's words are off, 3 done and a
//! person is needed.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};

use super::arguments::{
    Arguments, Command, Connectors, HeldWhat, ListFormat, Listed, Match, Residents,
};
use super::clock::MachineClock;
use super::context::{AppError, Context, checked};
use super::foretold::Foretold;
use super::hold::Said;
use super::hold::urgent::Urgent;
use super::preview::Listing;
use super::replay::Chosen;
use super::sandboxes::Begun;
use super::{
    actor, alerts, audit, batches, break_glass, bulk, causes, deliveries, demo, destinations, held,
    held_show, hold, init, jobs, keys, logging, matching, nodes, panics, preview, replay, resident,
    run, serve, service, users, views, work_orders,
};
use crate::catalogue::load::load;
use crate::catalogue::trial::{self, Which};
use crate::catalogue::{cases, reference};
use crate::connector::kinds::KINDS;
use crate::definition::{describe, suggest};
use crate::job::clock::Clock;
use crate::job::definition::Action;
use crate::store::database::Database;
use crate::web::api::door::InFront;
use crate::web::screens::routes;

/// A job that has to connect anew stands on much at that moment: in a debug build more than the usual two
/// megabytes (seen, when PostgreSQL was started again). What is not used is not taken.
pub const STACK_BYTES: usize = 8 << 20;

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    panics::install();
    let said = |name: &str| std::env::var(name).ok();
    let (levels, format) = (said("VIADUCT_LOG"), said("VIADUCT_LOG_FORMAT"));
    if let Err(fault) = logging::begin(levels.as_deref(), format.as_deref()) {
        eprintln!("error: {fault}");
        return ExitCode::from(2);
    }
    let mut building = tokio::runtime::Builder::new_multi_thread();
    let runtime = match building.enable_all().thread_stack_size(STACK_BYTES).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the program cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let json = arguments.json;
    match runtime.block_on(perform(arguments)) {
        Ok(done) => done.print(json),
        Err(AppError::Definitions(report)) => {
            if json {
                println!("{}", json!({ "error": "the definitions have errors", "report": report }));
            }
            eprint!("{report}");
            ExitCode::FAILURE
        }
        Err(error) => {
            if json {
                println!("{}", json!({ "error": error.to_string() }));
            }
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a command has to say at its end.
struct Done {
    json: Value,
    text: String,
    exit: u8,
}

impl Done {
    fn print(&self, json: bool) -> ExitCode {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        // A reader that has gone away wants nothing more.
        let _ = match json && !self.json.is_null() {
            true => writeln!(out, "{}", self.json),
            false => write!(out, "{}", self.text),
        };
        ExitCode::from(self.exit)
    }
}

async fn perform(arguments: Arguments) -> Result<Done, AppError> {
    let definitions = arguments.definitions;
    match arguments.command {
        Command::Check { directory } => {
            let catalogue = load(&directory.unwrap_or(definitions), KINDS);
            let exit = u8::from(catalogue.has_errors());
            Ok(Done { json: catalogue.json(), text: catalogue.report(), exit })
        }
        Command::Test { directory } => {
            let root = directory.unwrap_or(definitions);
            let catalogue = checked(&root)?;
            let today = MachineClock.today();
            let report = cases::run(&root, &catalogue, today);
            let exit = u8::from(report.failed() > 0);
            Ok(Done { json: report.json(), text: report.text(), exit })
        }
        Command::Init { directory, format } => {
            let start = init::write(&directory, format)?;
            Ok(Done { json: start.json(), text: start.text(), exit: 0 })
        }
        Command::Try { mapping, sample, record, key } => {
            let catalogue = load(&definitions, KINDS);
            let which = match (record, key) {
                (Some(number), _) => Which::Number(number),
                (None, Some(key)) => Which::Key(key),
                (None, None) => Which::First,
            };
            let today = MachineClock.today();
            let tried =
                trial::run(&definitions, &catalogue, &mapping, sample.as_deref(), &which, today)
                    .map_err(AppError::NotThere)?;
            Ok(Done { json: tried.json(), text: tried.text(), exit: 0 })
        }
        Command::Run { job } => {
            let context = Context::open(&definitions, &arguments.database).await?;
            let done = run_by_hand(&context, &job).await;
            context.database.close().await;
            done
        }
        Command::Preview { job, file, listing } => {
            let context = Context::open(&definitions, &arguments.database).await?;
            let done = preview_job(&context, &job, file.as_deref(), listing).await;
            context.database.close().await;
            done
        }
        Command::Held { what, code, listing } => {
            let context = Context::open(&definitions, &arguments.database).await?;
            let done = what_is_held(&context, what, code, listing).await;
            context.database.close().await;
            done
        }
        Command::Replay { code, job, id, everything_of, quiet, preview, listing } => {
            let context = Context::open(&definitions, &arguments.database).await?;
            let chosen = Chosen { code, job, ids: id, everything_of, quiet };
            let done = replay_chosen(&context, &chosen, preview, listing).await;
            context.database.close().await;
            done
        }
        Command::Serve { listen, host: names, front: fronts } => {
            let context = Context::open(&definitions, &arguments.database).await?;
            serve::serve(context, listen, InFront { names, fronts }).await?;
            Ok(Done { json: json!({ "stopped": true }), text: String::new(), exit: 0 })
        }
        Command::Keys { what } => {
            let database = Database::open(&arguments.database).await?;
            let (me, now_ms) = (actor::of_this_process(), MachineClock.now_ms());
            let said = match what {
                keys::What::Add(new) => keys::add(&database, &new, &me, now_ms).await,
                keys::What::List => keys::list(&database, now_ms).await,
                keys::What::Revoke { key } => keys::revoke(&database, &key, &me, now_ms).await,
            };
            database.close().await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Users { what } => {
            let database = Database::open(&arguments.database).await?;
            let (me, now_ms) = (actor::of_this_process(), MachineClock.now_ms());
            let said = users::answer(&database, what, &me, now_ms).await;
            database.close().await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Views { what } => {
            let database = Database::open_existing(&arguments.database).await?;
            let (me, now_ms) = (actor::of_this_process(), MachineClock.now_ms());
            let said = views::answer(&database, what, &me, now_ms).await;
            database.close().await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::BreakGlass { what } => {
            let database = Database::open(&arguments.database).await?;
            let (me, now_ms) = (actor::of_this_process(), MachineClock.now_ms());
            let said = break_glass::answer(&database, what, &me, now_ms).await;
            database.close().await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Alerts { what } => {
            let database = Database::open_existing(&arguments.database).await?;
            let (me, now_ms) = (actor::of_this_process(), MachineClock.now_ms());
            let said = alerts::answer(&database, what, &me, now_ms).await;
            database.close().await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Causes { what } => {
            let context = Context::open(&definitions, &arguments.database).await?;
            let said = causes::answer(&context, what, &actor::of_this_process()).await;
            context.database.close().await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Status { what } => {
            let context = Context::open(&definitions, &arguments.database).await?;
            let said = service::command(&context, what, &actor::of_this_process()).await;
            context.database.close().await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Nodes { one } => {
            let context = Context::open(&definitions, &arguments.database).await?;
            let said = match one {
                Some(one) => nodes::answer(&context, &one, &actor::of_this_process()).await,
                None => nodes::stand(&context).await,
            };
            context.database.close().await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::WorkOrders { wanted, one } => {
            let said = work_orders::command(&definitions, &arguments.database, &wanted, one).await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Jobs { one } => {
            let context = Context::open(&definitions, &arguments.database).await?;
            let said = match one {
                Some(one) => jobs::answer(&context, &one, &actor::of_this_process()).await,
                None => jobs::stand(&context).await,
            };
            context.database.close().await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Resident(asked) => {
            let database = Database::open_existing(&arguments.database).await?;
            let said = resident::command(&database, &definitions, asked).await;
            database.close().await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Match(Match::Evaluate { truth }) => {
            let database = Database::open_existing(&arguments.database).await?;
            let said = matching::judge(&database, &truth).await;
            database.close().await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Match(Match::Train { file }) => {
            let database = Database::open_existing(&arguments.database).await?;
            let said = matching::train(&database, &definitions, &file).await;
            database.close().await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Residents(Residents::Export { format: ListFormat::Csv }) => {
            let database = Database::open_existing(&arguments.database).await?;
            let said = resident::identity::export(&database, &mut std::io::stdout()).await;
            database.close().await;
            // The list is all that is said.
            said.map(|_| Done { json: Value::Null, text: String::new(), exit: 0 })
        }
        Command::Hold(what) => {
            let context = Context::open(&definitions, &arguments.database).await?;
            let said = hold::command(&context, what).await;
            context.database.close().await;
            said.map(|Said { json, text, exit }| Done { json, text, exit })
        }
        Command::Deliveries { listing, one } => {
            let said = deliveries::answer(&definitions, &arguments.database, &listing, one).await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Batches { wanted, one } => {
            let said = read_batches(&definitions, &arguments.database, &wanted, one).await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Bulk { one } => {
            let said = bulk::watch::answer(&definitions, &arguments.database, one).await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Audit { wanted, what } => {
            let database = Database::open_existing(&arguments.database).await?;
            let said = match what {
                None => audit::list(&database, &wanted).await.map(|(json, text)| (json, text, 0)),
                Some(audit::What::Verify) => audit::verify(&database).await,
            };
            database.close().await;
            said.map(|(json, text, exit)| Done { json, text, exit })
        }
        Command::Destinations { one } => {
            let context = Context::open(&definitions, &arguments.database).await?;
            let said = destinations::answer(&context, one, &actor::of_this_process()).await;
            context.database.close().await;
            said.map(|(json, text)| Done { json, text, exit: 0 })
        }
        Command::Connectors { what } => connectors(what),
        Command::Schema { write } => {
            let Some(folder) = write else {
                let schemas: serde_json::Map<String, Value> =
                    reference::schemas(KINDS).into_iter().collect();
                let schemas = Value::Object(schemas);
                return Ok(Done { text: format!("{schemas:#}\n"), json: schemas, exit: 0 });
            };
            for (path, text) in reference::files(KINDS) {
                write_file(&folder.join(path), &text)?;
            }
            write_file(&folder.join("rights.md"), &routes::page())?;
            let text = format!("Written to {}.\n", folder.display());
            Ok(Done { json: json!({ "written": folder }), text, exit: 0 })
        }
        Command::Demo { folder, serve, listen } => {
            let folder = folder.unwrap_or_else(demo::fresh_folder);
            let played = demo::play(&definitions, folder, arguments.json).await?;
            if serve {
                if !arguments.json {
                    print!("{}", played.text());
                }
                demo::serve::serve(&definitions, &played, listen).await?;
                let json = json!({ "stopped": true });
                return Ok(Done { json, text: String::new(), exit: 0 });
            }
            Ok(Done { json: played.json(), text: played.text(), exit: 0 })
        }
        Command::Sandbox(wanted) => {
            let begun = Begun::of(&wanted).await?;
            let done = Done { json: begun.json.clone(), text: begun.text.clone(), exit: 0 };
            if !begun.is_running() {
                return Ok(done);
            }
            let _ = done.print(arguments.json);
            tokio::select! {
                () = begun.wait() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            Ok(Done { json: json!({ "stopped": true }), text: String::new(), exit: 0 })
        }
    }
}

async fn read_batches(
    definitions: &Path,
    url: &str,
    wanted: &batches::Wanted,
    one: Option<batches::One>,
) -> Result<(Value, String), AppError> {
    let (decided, accepted) = match one {
        None | Some(batches::One::Show { .. }) => {
            let database = Database::open_existing(url).await?;
            let said = match one {
                Some(batches::One::Show { batch }) => batches::show(&database, batch, None).await,
                _ => batches::list(&database, wanted).await,
            };
            database.close().await;
            return said;
        }
        Some(batches::One::Accept(decided)) => (decided, true),
        Some(batches::One::Refuse(decided)) => (decided, false),
    };
    let context = Context::open(definitions, url).await?;
    let me = actor::of_this_process();
    let said = match accepted {
        true => batches::decide::accept(&context, &decided, &me).await,
        false => batches::decide::refuse(&context, &decided, &me).await,
    };
    context.database.close().await;
    said
}

fn connectors(what: Option<Connectors>) -> Result<Done, AppError> {
    let Some(Connectors::Describe { kind }) = what else {
        let list: Vec<Value> =
            KINDS.iter().map(|kind| json!({ "kind": kind.name, "is": kind.doc })).collect();
        let lines: Vec<String> =
            KINDS.iter().map(|kind| format!("{}\n    {}\n", kind.name, kind.doc)).collect();
        let hint = "\nEvery setting of one: `viaduct connectors describe KIND`.\n";
        return Ok(Done { json: json!(list), text: lines.concat() + hint, exit: 0 });
    };
    let found = KINDS.iter().find(|known| known.name == kind).ok_or_else(|| {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        let help = suggest::help(&kind, &known).unwrap_or_default();
        AppError::NotThere(format!("there is no kind `{kind}`: {help}"))
    })?;
    let shape = reference::settings(found);
    let text = format!("{}\n\n[settings]\n{}", found.doc, describe::text(&shape));
    Ok(Done { json: describe::json_schema(&shape), text, exit: 0 })
}

fn write_file(path: &Path, text: &str) -> Result<(), AppError> {
    let what = path.display().to_string();
    let io = |error| AppError::Io { what: what.clone(), error };
    std::fs::create_dir_all(path.parent().unwrap_or(path)).map_err(io)?;
    std::fs::write(path, text).map_err(io)
}

async fn run_by_hand(context: &Context, name: &str) -> Result<Done, AppError> {
    let job = context.job(name)?;
    jobs::asked(context, &job.name, &actor::of_this_process()).await?;
    run_job(context, name).await
}

async fn run_job(context: &Context, name: &str) -> Result<Done, AppError> {
    let job = context.job(name)?;
    let mut done = match job.action {
        Action::Ingest => {
            let report = run::run_ingest(context, job).await?;
            let exit = if report.any_held_whole() { 3 } else { 0 };
            Done { json: report.json(), text: report.text(), exit }
        }
        Action::Deliver => {
            let sent = run::run_deliver(context, job).await?;
            Done { json: sent.json(), text: sent.text(), exit: 0 }
        }
    };
    let urgent = Urgent::now(context).await?;
    done.json["urgent"] = urgent.json();
    done.text.push_str(&urgent.text());
    done.exit = urgent.exit(done.exit);
    Ok(done)
}

async fn preview_job(
    context: &Context,
    name: &str,
    file: Option<&Path>,
    listing: Listed,
) -> Result<Done, AppError> {
    let job = context.job(name)?;
    if job.action != Action::Ingest {
        let what =
            format!("`{name}` sends what is made; a preview shows what an ingest job would make");
        return Err(AppError::NotThere(what));
    }
    let foretold = preview::of_job(context, job, file, listing.listing()).await?;
    let about = (format!("preview of {name}"), None);
    audit::put_down(&context.database, &listing.showing, about).await?;
    Ok(foretold_done(&foretold))
}

fn foretold_done(foretold: &Foretold) -> Done {
    let exit = if foretold.any_held_whole() { 3 } else { 0 };
    Done { json: foretold.json(), text: foretold.text(), exit }
}

async fn what_is_held(
    context: &Context,
    what: Option<HeldWhat>,
    code: Option<String>,
    listing: Listed,
) -> Result<Done, AppError> {
    let (json, text, exit) = match (what, code) {
        (Some(HeldWhat::Show { id, showing }), _) => {
            let showing = if showing.show { showing } else { listing.showing };
            let shown = held_show::show(context, id, showing.sight()).await?;
            audit::put_down(&context.database, &showing, (format!("held {id}"), None)).await?;
            (shown.json(), shown.text(), 0)
        }
        (None, Some(code)) => {
            let Listing { most, sight } = listing.listing();
            let items = held::items(context, &code, most, sight).await?;
            let about = (format!("held {code}"), None);
            audit::put_down(&context.database, &listing.showing, about).await?;
            (items.json(), items.text(), items.exit())
        }
        (None, None) => {
            let list = held::list(context).await?;
            (list.json(), list.text(), list.exit())
        }
    };
    Ok(Done { json, text, exit })
}

async fn replay_chosen(
    context: &Context,
    chosen: &Chosen,
    only_preview: bool,
    listing: Listed,
) -> Result<Done, AppError> {
    if only_preview {
        let foretold = preview::of_replay(context, chosen, listing.listing()).await?;
        let about = ("preview of a replay".to_owned(), None);
        audit::put_down(&context.database, &listing.showing, about).await?;
        return Ok(foretold_done(&foretold));
    }
    let done = replay::run(context, chosen, &actor::of_this_process()).await?;
    let exit = if done.any_left() { 3 } else { 0 };
    Ok(Done { json: done.json(), text: done.text(), exit })
}
