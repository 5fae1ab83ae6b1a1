//! The words of the command line: every command, and what may be said with it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, value_parser};

use super::preview::Listing;
use super::sight::Unmasked;
use super::{
    alerts, audit, batches, break_glass, bulk, causes, deliveries, destinations, hold, init, jobs,
    keys, nodes, resident, sandboxes, service, users, views, work_orders,
};
use crate::access::grant;

/// The integration hub under a council's finance service.
#[derive(Debug, Parser)]
#[command(name = "viaduct", version, max_term_width = 100)]
pub struct Arguments {
    /// The database: `sqlite:PATH` or `postgres://USER@HOST/NAME`
    #[arg(long, global = true, env = "VIADUCT_DATABASE", default_value = "sqlite:viaduct.db")]
    pub database: String,
    /// The folder with connectors, mappings and jobs
    #[arg(long, global = true, env = "VIADUCT_DEFINITIONS", default_value = ".")]
    pub definitions: PathBuf,
    /// Print one JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Connectors {
    /// Every setting of a kind: what it holds, its default, and how to write it
    Describe {
        /// Such as `file_drop`
        kind: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum HeldWhat {
    /// Explain one held row, file or message
    Show {
        /// Its number
        id: i64,
        #[command(flatten)]
        showing: Unmasked,
    },
}

/// How much is listed, and whether personal values are masked.
#[derive(Debug, Clone, clap::Args)]
pub struct Listed {
    #[command(flatten)]
    pub showing: Unmasked,
    /// How many of each kind are given, in JSON or of one code
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=100_000))]
    pub most: u32,
}

impl Listed {
    pub fn listing(&self) -> Listing {
        Listing { most: self.most as usize, sight: self.showing.sight() }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check every definition, and say everything that is wrong at once
    Check {
        /// The folder with connectors, mappings and jobs
        directory: Option<PathBuf>,
    },
    /// Run the cases beside the mappings
    Test {
        /// The folder with connectors, mappings and jobs
        directory: Option<PathBuf>,
    },
    /// Write a start for definitions of your own: commented, sound, and ready to run
    Init {
        /// Where to; nothing that is there is written over
        directory: PathBuf,
        /// How the source of the start lays its extract out
        #[arg(long, value_enum, default_value = "csv")]
        format: init::Layout,
    },
    /// Try an inbound mapping on a file: field by field, where each value came from and why
    Try {
        /// The mapping's name: `ctax_account` for mappings/inbound/ctax_account.toml
        mapping: String,
        /// A file of the connector's layout; its own sample where nothing is said
        #[arg(long, value_name = "FILE")]
        sample: Option<PathBuf>,
        /// Only the record at this place of the file, from 1
        #[arg(long, value_name = "N", conflicts_with = "key")]
        record: Option<usize>,
        /// Only records with this key
        #[arg(long, value_name = "K")]
        key: Option<String>,
    },
    /// Do one job now, in this process
    Run {
        /// The job's name: `ingest-revenues` for jobs/ingest-revenues.toml
        job: String,
    },
    /// Show what a job would change and send: on a copy, so that nothing is taken, sent or kept
    Preview {
        /// The job's name
        job: String,
        /// A file to be read in place of what the source has
        #[arg(long)]
        file: Option<PathBuf>,
        #[command(flatten)]
        listing: Listed,
    },
    /// List what was read, the newest first; show one; or decide about one that was held whole
    #[command(args_conflicts_with_subcommands = true)]
    Batches {
        #[command(flatten)]
        wanted: batches::Wanted,
        #[command(subcommand)]
        one: Option<batches::One>,
    },
    /// List what was done to many deliveries at once; show one, pause it, or go on with it
    Bulk {
        #[command(subcommand)]
        one: Option<bulk::watch::One>,
    },
    /// List who changed what, and why; or see that the log is whole
    #[command(args_conflicts_with_subcommands = true)]
    Audit {
        #[command(flatten)]
        wanted: audit::Wanted,
        #[command(subcommand)]
        what: Option<audit::What>,
    },
    /// List what waits for a person, in groups; or explain one
    Held {
        #[command(subcommand)]
        what: Option<HeldWhat>,
        /// List the items of this code
        #[arg(long)]
        code: Option<String>,
        #[command(flatten)]
        listing: Listed,
    },
    /// Read held rows, or all that a source has, again with the definitions as they are now
    Replay {
        /// Rows held under this code
        #[arg(long)]
        code: Option<String>,
        /// Rows that came by this job
        #[arg(long)]
        job: Option<String>,
        /// A row of this number; several times for several
        #[arg(long)]
        id: Vec<i64>,
        /// Every record that this job's source has, held or not
        #[arg(long, value_name = "JOB", conflicts_with_all = ["code", "job", "id"])]
        everything_of: Option<String>,
        /// Tell nobody of what changes
        #[arg(long)]
        quiet: bool,
        /// Only show what would change, on a copy of the database
        #[arg(long)]
        preview: bool,
        #[command(flatten)]
        listing: Listed,
    },
    /// Work the queue, fire the schedules, answer the API and open payment links, until stopped
    Serve {
        /// Where the API is answered and the links to payments are opened: an address of this machine and
        /// a port. One that others reach needs a key first: `viaduct keys add`
        #[arg(long, env = "VIADUCT_LISTEN", default_value = "127.0.0.1:8480")]
        listen: SocketAddr,
        /// A name by which callers reach the API, where something stands in front; several times for several
        #[arg(long, env = "VIADUCT_HOSTS", value_name = "NAME", value_delimiter = ',')]
        host: Vec<String>,
        /// From where what stands in front calls, such as 10.1.0.5, if it is trusted to say who calls: the last of
        /// `X-Forwarded-For` is believed from there alone; several times for several
        #[arg(long, env = "VIADUCT_FRONTS", value_name = "CIDR", value_delimiter = ',', value_parser = grant::network_words)]
        front: Vec<String>,
    },
    /// Make, list and revoke the keys of the API
    Keys {
        #[command(subcommand)]
        what: keys::What,
    },
    /// The people who sign in at the screens: invite somebody, list them, change what they are
    Users {
        #[command(subcommand)]
        what: users::What,
    },
    /// Who sees to a cause, until when nobody is reminded of it, and notes to it; `held` lists what waits
    Causes {
        #[command(subcommand)]
        what: causes::What,
    },
    /// Lists of work orders and of messages that are kept under a name
    Views {
        #[command(subcommand)]
        what: views::What,
    },
    /// Accounts for an emergency: make one, list them, take one away
    BreakGlass {
        #[command(subcommand)]
        what: break_glass::What,
    },
    /// What was done in an emergency, and other things that those who look after people have to know of
    Alerts {
        #[command(subcommand)]
        what: Option<alerts::What>,
    },
    /// How the service stands: what needs somebody, each source, each destination
    Status {
        #[command(subcommand)]
        what: Option<service::What>,
    },
    /// List what came in, the newest first; or tell the story of one
    #[command(args_conflicts_with_subcommands = true)]
    WorkOrders {
        #[command(flatten)]
        wanted: work_orders::Wanted,
        #[command(subcommand)]
        one: Option<work_orders::One>,
    },
    /// List the jobs there are, and when each comes next; have a schedule stand still, go on, or leave a run out
    Jobs {
        #[command(subcommand)]
        one: Option<jobs::One>,
    },
    /// Who works here and since when, what each has in hand, and when the work of one that died comes back
    Nodes {
        #[command(subcommand)]
        one: Option<nodes::One>,
    },
    /// List the kinds of connectors there are, or describe one: every setting, with its default
    Connectors {
        #[command(subcommand)]
        what: Option<Connectors>,
    },
    /// Print the JSON Schemas of definition files, or write all that the docs have from the code
    Schema {
        /// The folder of the documentation
        #[arg(long)]
        write: Option<PathBuf>,
    },
    /// Who a resident is, how they are found, and what happened to them
    #[command(subcommand)]
    Resident(resident::Asked),
    /// How well residents are told apart
    #[command(subcommand)]
    Match(Match),
    /// The list of who is who, for anybody to score
    #[command(subcommand)]
    Residents(Residents),
    /// Holds that stop collection: put one down, list them, lift one, take a file of them
    #[command(subcommand)]
    Hold(hold::What),
    /// How many deliveries stand where, and which; `show` tells the story of one
    #[command(args_conflicts_with_subcommands = true)]
    Deliveries {
        #[command(flatten)]
        listing: Box<deliveries::Listing>,
        #[command(subcommand)]
        one: Option<deliveries::One>,
    },
    /// How each system that is told stands; pause one, or let it go on
    Destinations {
        #[command(subcommand)]
        one: Option<destinations::One>,
    },
    /// Play two nights of an invented council, and send to the sandbox; ends by itself, unless it is to serve
    Demo {
        /// Where its files go; a fresh folder where nothing is said
        #[arg(long)]
        folder: Option<PathBuf>,
        /// Keep it up afterwards: the screens, with a link by which you sign in
        #[arg(long)]
        serve: bool,
        /// Where the screens are then
        #[arg(long, default_value = "127.0.0.1:8480", requires = "serve")]
        listen: SocketAddr,
    },
    /// Emulate platforms and the council's own systems on loopback, until stopped
    Sandbox(sandboxes::Wanted),
}

/// What may be done with all residents.
#[derive(Debug, Subcommand)]
pub enum Residents {
    /// Write each party with its resident to the standard output: source_system, source_key, party, resident_id
    Export {
        #[arg(long, value_enum, default_value = "csv")]
        format: ListFormat,
    },
}

/// How a list is written.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum ListFormat {
    Csv,
}

/// What may be asked about telling residents apart.
#[derive(Debug, Subcommand)]
pub enum Match {
    /// Judge the residents by a list of who is who: source_system, source_key, party, person_id, and culture if known
    Evaluate {
        /// The CSV file
        truth: PathBuf,
    },
    /// Make weights from the people that are loaded: `mappings/weights.toml` of the definitions takes the place of those
    /// that come with the program, for whoever comes from then on
    Train {
        /// The file that is written; one that is there is not written over
        file: PathBuf,
    },
}
