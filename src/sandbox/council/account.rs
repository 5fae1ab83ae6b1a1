//! A council tax account of the invented council: how it begins, and what the nights do to it.

use chrono::{Days, NaiveDate};

use super::chance::{Chance, falls_on};
use super::people::{Person, elsewhere, mobile};
use super::{Council, run_date};

/// The charge for band D before the parish adds its own, in pence; other bands are ninths of it.
const BAND_D_PENCE: u64 = 205_000;
pub(super) const BANDS: [(char, u64); 8] =
    [('A', 6), ('B', 7), ('C', 8), ('D', 9), ('E', 11), ('F', 13), ('G', 15), ('H', 18)];
const DISCOUNTS: [(&str, u64); 5] =
    [("SPD", 25), ("CTR", 60), ("STUD", 100), ("DIS", 11), ("EMPTY", 0)];
const METHODS: [&str; 6] = ["DD", "DD", "DD", "CARD", "CASH", "SO"];
const PAY_DAYS: [u32; 4] = [1, 8, 15, 28];
pub(super) const INSTALMENTS: u64 = 10;
const LIABLE_MAX: u64 = 3;

/// One account as it stands on one night.
pub(super) struct Account {
    pub index: u32,
    pub liable: Vec<Liable>,
    pub opened: NaiveDate,
    pub closed: Option<NaiveDate>,
    /// Which home; a move changes it.
    pub place: u64,
    pub band: usize,
    pub parish_pence: u64,
    pub discounts: Vec<(&'static str, u64)>,
    pub instalments_paid: u64,
    pub arrears_pence: u64,
    pub method: &'static str,
    pub pay_day: u32,
    pub bank_account: u64,
    pub written_to: String,
}

/// A person as revenues knows them: often without a number or an e-mail address.
pub(super) struct Liable {
    pub person: Person,
    pub born: String,
    pub nino: String,
    pub email: String,
    pub telephone: String,
}

/// An account reference: nine digits that begin with 99.
pub(super) fn reference(index: u32) -> String {
    format!("99{index:07}")
}

/// The account as that night leaves it; none before it is opened and once it is dropped.
pub(super) fn account_on(council: &Council, index: u32, night: u32) -> Option<Account> {
    let born = council.born_on(index);
    if born > night {
        return None;
    }
    let mut account = Account::first(council, index);
    for past in born + 1..=night {
        match Event::on(council, index, past) {
            Some(Event::Dropped) => return None,
            Some(event) if account.closed.is_none() => account.meet(event, council, past),
            _ => {}
        }
    }
    Some(account)
}

/// Where this account's people live that night, whatever became of the account: benefits hears of
/// a move the same day.
pub(super) fn place_on(council: &Council, index: u32, night: u32) -> u64 {
    let mut place = u64::from(index);
    for past in council.born_on(index) + 1..=night {
        match Event::on(council, index, past) {
            Some(Event::Dropped | Event::Closed) => break,
            Some(Event::Moved) => place = next_place(council, index, past, place),
            _ => {}
        }
    }
    place
}

/// What can fall on an account in a night.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Dropped,
    Closed,
    Moved,
    Changed,
}

impl Event {
    /// In a thousand accounts each night: one dropped, two closed, two moved, twenty changed.
    pub fn on(council: &Council, index: u32, night: u32) -> Option<Self> {
        let falls = |what: &str, every: u32| {
            falls_on(council.seed, what, night, index, every.min(council.accounts))
        };
        if falls("dropped", 1_000) {
            Some(Self::Dropped)
        } else if falls("closed", 500) {
            Some(Self::Closed)
        } else if falls("moved", 500) {
            Some(Self::Moved)
        } else if falls("changed", 50) {
            Some(Self::Changed)
        } else {
            None
        }
    }
}

/// Another home than this one.
fn next_place(council: &Council, index: u32, night: u32, place: u64) -> u64 {
    let homes = u64::from(council.accounts).max(2);
    let mut chance = Chance::of(council.seed, "move", &[u64::from(night), u64::from(index)]);
    (place + 1 + chance.below(homes - 1)) % homes
}

impl Account {
    fn first(council: &Council, index: u32) -> Self {
        let seed = council.seed;
        let mut chance = Chance::of(seed, "account", &[u64::from(index)]);
        let several = 1 + u64::from(chance.below(9) > 4) + u64::from(chance.one_in(20));
        let liable = (0..several.min(LIABLE_MAX)).map(|slot| Liable::new(seed, index, slot));
        let first_day = NaiveDate::from_ymd_opt(1993, 4, 1).expect("a day of the calendar");
        let opened = match council.born_on(index) {
            1 => first_day + Days::new(chance.below(12_000)),
            later => run_date(later),
        };
        let lower = chance.below(8).min(chance.below(8));
        let mut discounts = Vec::new();
        if chance.one_in(3) {
            discounts.push(chance.pick(&DISCOUNTS));
        }
        Self {
            index,
            liable: liable.collect(),
            opened,
            closed: None,
            place: u64::from(index),
            band: usize::try_from(lower).unwrap_or(0),
            parish_pence: chance.below(999),
            discounts,
            instalments_paid: if chance.one_in(6) { chance.below(7) } else { 7 },
            arrears_pence: if chance.one_in(8) { chance.below(90_000) } else { 0 },
            method: chance.pick(&METHODS),
            pay_day: chance.pick(&PAY_DAYS),
            bank_account: 10_000_000 + chance.below(89_999_999),
            written_to: String::new(),
        }
    }

    fn meet(&mut self, event: Event, council: &Council, night: u32) {
        let place = [u64::from(night), u64::from(self.index)];
        let mut chance = Chance::of(council.seed, "event", &place);
        match event {
            Event::Dropped => {}
            Event::Closed => self.closed = Some(run_date(night)),
            Event::Moved => {
                self.place = next_place(council, self.index, night, self.place);
            }
            Event::Changed => match chance.below(5) {
                0 if self.net_pence() > INSTALMENTS && self.instalments_paid < INSTALMENTS => {
                    self.instalments_paid += 1;
                }
                1 => {
                    self.band = (self.band + 1) % BANDS.len();
                }
                2 => {
                    self.method = if self.method == "CARD" { "DD" } else { "CARD" };
                    self.pay_day = chance.pick(&PAY_DAYS);
                }
                3 => {
                    let before = std::mem::replace(&mut self.written_to, elsewhere(&mut chance));
                    if self.written_to == before {
                        self.written_to.insert_str(0, "Annexe, ");
                    }
                }
                // Also when there is nothing left to pay.
                _ => self.liable[0].change_contact(night, &mut chance),
            },
        }
    }

    pub fn charge_pence(&self) -> u64 {
        BAND_D_PENCE * BANDS[self.band].1 / 9 + self.parish_pence
    }

    pub fn reductions_pence(&self) -> u64 {
        self.discounts.iter().map(|(_, percent)| self.charge_pence() * percent / 100).sum()
    }

    pub fn net_pence(&self) -> u64 {
        self.charge_pence().saturating_sub(self.reductions_pence())
    }

    /// Ten equal parts; the first also takes what is left over.
    pub fn instalment_pence(&self, number: u64) -> u64 {
        let each = self.net_pence() / INSTALMENTS;
        if number == 1 { self.net_pence() - each * (INSTALMENTS - 1) } else { each }
    }
}

impl Liable {
    fn new(seed: u64, household: u32, slot: u64) -> Self {
        let person = Person::new(seed, household, slot);
        let mut chance = Chance::of(seed, "liable", &[person.id]);
        let born = match chance.below(50) {
            0 => "1900-01-01".to_owned(),
            1..5 => String::new(),
            _ => person.born.to_string(),
        };
        let known = |known: bool, text: &str| {
            if known { text.to_owned() } else { String::new() }
        };
        let number = if chance.one_in(3) { &person.landline } else { &person.mobile };
        Self {
            born,
            nino: known(!chance.one_in(7), &person.nino),
            email: known(!chance.one_in(4), &person.email),
            telephone: number.clone(),
            person,
        }
    }

    fn change_contact(&mut self, night: u32, chance: &mut Chance) {
        let before = std::mem::replace(&mut self.telephone, mobile(chance.below(1_000)));
        if self.telephone == before {
            self.telephone = mobile(chance.below(1_000) + 1);
        }
        self.email = format!("resident{}.n{night}@example.com", self.person.id);
    }
}
