//! The benefits system: one claim and up to three people of its household, as a row of CSV.
//!
//! It knows most claimants from the same household as revenues does, some only by other contact
//! details, and a few that revenues has never heard of. Deaths are recorded here and not there.

use std::fmt::Write as _;
use std::io::{self, Write};

use chrono::{Days, NaiveDate};

use super::account::{place_on, reference};
use super::chance::{Chance, falls_on};
use super::people::{Home, OTHER_ADULT, Person, mobile};
use super::{Council, Tonight, Truth, run_date};

/// One account in five has a claim.
const ACCOUNTS_PER_CLAIM: u32 = 5;

/// Rows that a careful reader must hold: in every thousand, one of each.
const AWKWARD_EVERY: u32 = 1_000;
const IMPOSSIBLE_BIRTH: u32 = 7;
const WRONG_NINO: u32 = 11;
const UNKNOWN_STATUS: u32 = 13;

const COLUMNS: [&str; 12] = [
    "claim_ref",
    "claim_status",
    "ctax_ref",
    "uprn",
    "addr1",
    "addr2",
    "town",
    "postcode",
    "start_date",
    "end_date",
    "weekly_hb",
    "weekly_ctr",
];
const PERSON_COLUMNS: [&str; 10] = [
    "role",
    "title",
    "forename",
    "surname",
    "dob",
    "nino",
    "email",
    "mobile",
    "deceased",
    "contact_ok",
];
const ROLES: [&str; 3] = ["CLAIMANT", "PARTNER", "NONDEP"];

/// One claim as it stands on one night.
struct Claim {
    /// Which claim; its account is found from it.
    index: u32,
    status: &'static str,
    ctax_ref: String,
    home: Home,
    started: NaiveDate,
    ended: Option<NaiveDate>,
    weekly_hb_pence: u64,
    weekly_ctr_pence: u64,
    members: [Option<Member>; 3],
}

/// A person as benefits knows them.
struct Member {
    title: &'static str,
    forename: &'static str,
    surname: String,
    born: String,
    nino: String,
    email: String,
    mobile: String,
    deceased: Option<NaiveDate>,
    contact_ok: bool,
}

pub(super) fn write(council: &Council, night: u32, out: &mut dyn Write) -> io::Result<Truth> {
    let mut truth = Truth::default();
    let (mut row, mut earlier) = (String::new(), String::new());
    write!(out, "{}\r\n", header())?;
    for index in 0..council.accounts_on(night).div_ceil(ACCOUNTS_PER_CLAIM) {
        if council.born_on(account_of(council, index)) > night {
            continue;
        }
        let Some(claim) = claim_on(council, index, night) else {
            let was_there = night > 1 && claim_on(council, index, night - 1).is_some();
            truth.dropped += u64::from(was_there);
            continue;
        };
        row.clear();
        claim.print(&mut row);
        out.write_all(row.as_bytes())?;
        truth.count(tonight(council, &claim, night, &row, &mut earlier));
    }
    let blanks = ",".repeat(COLUMNS.len() + ROLES.len() * PERSON_COLUMNS.len() - 2);
    write!(out, "TRAILER,{}{blanks}\r\n", truth.rows)?;
    Ok(truth)
}

fn header() -> String {
    let mut columns: Vec<String> = COLUMNS.iter().map(|name| (*name).to_owned()).collect();
    for number in 1..=ROLES.len() {
        columns.extend(PERSON_COLUMNS.iter().map(|name| format!("p{number}_{name}")));
    }
    columns.join(",")
}

/// The account in each five that has the claim.
fn account_of(council: &Council, index: u32) -> u32 {
    let place = [u64::from(index)];
    let within = Chance::of(council.seed, "claim of", &place).below(ACCOUNTS_PER_CLAIM.into());
    index * ACCOUNTS_PER_CLAIM + u32::try_from(within).unwrap_or(0)
}

fn tonight(
    council: &Council,
    claim: &Claim,
    night: u32,
    row: &str,
    earlier: &mut String,
) -> Tonight {
    if council.born_on(account_of(council, claim.index)) == night {
        return Tonight::New;
    }
    if claim.ended == Some(run_date(night)) {
        return Tonight::Closed;
    }
    let Some(before) = claim_on(council, claim.index, night - 1) else {
        return Tonight::New;
    };
    earlier.clear();
    before.print(earlier);
    if row == earlier { Tonight::Nothing } else { Tonight::Changed }
}

fn claim_on(council: &Council, index: u32, night: u32) -> Option<Claim> {
    let account = account_of(council, index);
    let mut claim = Claim::first(council, index, account);
    for past in council.born_on(account) + 1..=night {
        match Event::on(council, index, past) {
            Some(Event::Dropped) => return None,
            Some(event) if claim.ended.is_none() => claim.meet(event, council, past),
            _ => {}
        }
    }
    let moved_until = claim.ended.map_or(night, |_| claim.last_night(night));
    claim.home = Home::new(council.seed, place_on(council, account, moved_until));
    Some(claim)
}

/// What can fall on a claim in a night, besides a move of the household.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    Dropped,
    Closed,
    Died,
    Changed,
}

impl Event {
    /// In a thousand claims each night: one dropped, two closed, twenty changed; and in the whole
    /// council one death.
    fn on(council: &Council, index: u32, night: u32) -> Option<Self> {
        let claims = council.accounts.div_ceil(ACCOUNTS_PER_CLAIM);
        let falls =
            |what: &str, every: u32| falls_on(council.seed, what, night, index, every.min(claims));
        if falls("claim dropped", 1_000) {
            Some(Self::Dropped)
        } else if falls("claim closed", 500) {
            Some(Self::Closed)
        } else if index < claims && falls("claim death", claims) {
            Some(Self::Died)
        } else if falls("claim changed", 50) {
            Some(Self::Changed)
        } else {
            None
        }
    }
}

impl Claim {
    fn first(council: &Council, index: u32, account: u32) -> Self {
        let seed = council.seed;
        let mut chance = Chance::of(seed, "claim", &[u64::from(index)]);
        let stranger = chance.one_in(10);
        let linked = !stranger && !chance.one_in(12);
        let claimant = if stranger { OTHER_ADULT } else { 0 };
        let partner = chance.one_in(3);
        let other = !stranger && chance.one_in(10);
        let first_day = NaiveDate::from_ymd_opt(2013, 4, 1).expect("a day of the calendar");
        let member = |wanted: bool, slot: u64| wanted.then(|| Member::new(seed, account, slot));
        let mut claim = Self {
            index,
            status: if chance.one_in(15) { "Suspended" } else { "Live" },
            ctax_ref: if linked { with_check(&reference(account)) } else { String::new() },
            home: Home::new(seed, u64::from(account)),
            started: first_day + Days::new(chance.below(4_500)),
            ended: None,
            weekly_hb_pence: if chance.one_in(3) { 0 } else { 6_000 + chance.below(16_000) },
            weekly_ctr_pence: 500 + chance.below(2_500),
            members: [member(true, claimant), member(partner, 1), member(other, OTHER_ADULT)],
        };
        claim.make_awkward();
        claim
    }

    fn make_awkward(&mut self) {
        let place = self.index % AWKWARD_EVERY;
        if place == UNKNOWN_STATUS {
            self.status = "W";
        }
        if let Some(claimant) = &mut self.members[0] {
            if place == IMPOSSIBLE_BIRTH {
                claimant.born = "31/02/1979".to_owned();
            }
            if place == WRONG_NINO {
                claimant.nino.truncate(7);
            }
        }
    }

    fn meet(&mut self, event: Event, council: &Council, night: u32) {
        let place = [u64::from(night), u64::from(self.index)];
        let mut chance = Chance::of(council.seed, "claim event", &place);
        match (event, &mut self.members[0]) {
            (Event::Closed, _) => {
                self.status = "Closed";
                self.ended = Some(run_date(night));
            }
            (Event::Died, Some(claimant)) => {
                let died = run_date(night) - Days::new(1 + chance.below(20));
                claimant.deceased.get_or_insert(died);
            }
            (Event::Changed, Some(claimant)) => match chance.below(4) {
                0 => self.weekly_hb_pence += 100 + chance.below(900),
                1 => claimant.change_mobile(&mut chance),
                2 => claimant.contact_ok = !claimant.contact_ok,
                _ => {
                    self.status = if self.status == "Suspended" { "Live" } else { "Suspended" };
                }
            },
            _ => {}
        }
    }

    /// The night on which the claim ended: nothing moves it after that.
    fn last_night(&self, night: u32) -> u32 {
        (1..=night).find(|past| self.ended == Some(run_date(*past))).unwrap_or(night)
    }

    fn print(&self, row: &mut String) {
        let open = NaiveDate::from_ymd_opt(2999, 12, 31).expect("a day of the calendar");
        let mut cells = Cells { row, first: true };
        cells.text(&format!("8{:07}", self.index));
        cells.text(self.status);
        cells.text(&self.ctax_ref);
        cells.text(&self.home.uprn.to_string());
        cells.text(&self.home.line_1);
        cells.text(self.home.line_2);
        cells.text(self.home.town);
        cells.text(&self.home.postcode);
        cells.day(Some(self.started));
        cells.day(Some(self.ended.unwrap_or(open)));
        cells.pounds(self.weekly_hb_pence);
        cells.pounds(self.weekly_ctr_pence);
        for (role, member) in ROLES.iter().zip(&self.members) {
            match member {
                Some(member) => member.print(role, &mut cells),
                None => PERSON_COLUMNS.iter().for_each(|_| cells.text("")),
            }
        }
        row.push_str("\r\n");
    }
}

impl Member {
    fn new(seed: u64, household: u32, slot: u64) -> Self {
        let person = Person::new(seed, household, slot);
        let mut chance = Chance::of(seed, "member", &[person.id]);
        let shouted = chance.one_in(4);
        let other_mobile = chance.one_in(5);
        let email = if chance.one_in(3) { String::new() } else { person.email };
        Self {
            title: person.title,
            forename: person.forename,
            surname: if shouted { person.surname.to_uppercase() } else { person.surname },
            born: person.born.format("%d/%m/%Y").to_string(),
            nino: person.nino,
            email,
            mobile: if other_mobile { mobile(chance.below(1_000)) } else { person.mobile },
            deceased: None,
            contact_ok: !chance.one_in(20),
        }
    }

    fn change_mobile(&mut self, chance: &mut Chance) {
        let last = self.mobile.get(8..).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        self.mobile = mobile(last + 1 + chance.below(998));
    }

    fn print(&self, role: &str, cells: &mut Cells<'_>) {
        cells.text(role);
        cells.text(self.title);
        cells.text(self.forename);
        cells.text(&self.surname);
        cells.text(&self.born);
        cells.text(&self.nino);
        cells.text(&self.email);
        cells.text(&self.mobile);
        cells.day(self.deceased);
        cells.text(if self.contact_ok { "Y" } else { "N" });
    }
}

/// An account reference with its check character: weights 2 to 10 from the right, modulus 11.
fn with_check(reference: &str) -> String {
    let sum: u32 = (2..)
        .zip(reference.bytes().rev())
        .map(|(weight, digit)| weight * u32::from(digit - b'0'))
        .sum();
    let check = match sum % 11 {
        10 => 'X',
        digit => char::from_digit(digit, 10).unwrap_or('X'),
    };
    format!("{reference}{check}")
}

/// A row of CSV being written.
struct Cells<'r> {
    row: &'r mut String,
    first: bool,
}

impl Cells<'_> {
    fn text(&mut self, text: &str) {
        if !std::mem::take(&mut self.first) {
            self.row.push(',');
        }
        if text.contains([',', '"', '\r', '\n']) {
            self.row.push('"');
            self.row.push_str(&text.replace('"', "\"\""));
            self.row.push('"');
        } else {
            self.row.push_str(text);
        }
    }

    fn day(&mut self, day: Option<NaiveDate>) {
        self.text(&day.map(|day| day.format("%d/%m/%Y").to_string()).unwrap_or_default());
    }

    fn pounds(&mut self, pence: u64) {
        let mut text = String::new();
        write!(text, "{}.{:02}", pence / 100, pence % 100).expect("a String takes all");
        self.text(&text);
    }
}
