//! A council tax account with everything that a system may be asked about it, for the emulators that answer
//! questions: the same accounts and people that the extracts hold.

use chrono::NaiveDate;

use super::account::{BANDS, INSTALMENTS, account_on, reference};
use super::people::{Home, OTHER_ADULT, Person};
use super::{Council, run_date};

/// An account as a night leaves it.
pub struct Household {
    pub index: u32,
    pub reference: String,
    pub closed: Option<NaiveDate>,
    pub liable: Vec<Adult>,
    /// Lives there and owes nothing.
    pub other: Adult,
    pub line_1: String,
    pub line_2: &'static str,
    pub town: &'static str,
    pub postcode: String,
    pub band: char,
    /// Of the year that began in April 2026.
    pub charge_pence: u64,
    pub reductions_pence: u64,
    pub arrears_pence: u64,
    pub instalments_pence: Vec<u64>,
    pub instalments_paid: usize,
    pub direct_debit: bool,
    pub pay_day: u32,
    pub bank_account: u64,
}

/// One invented person.
pub struct Adult {
    pub id: u64,
    pub title: &'static str,
    pub forename: &'static str,
    pub surname: String,
    pub born: NaiveDate,
    pub nino: String,
    pub email: String,
    pub mobile: String,
    pub landline: String,
}

impl Adult {
    fn new(person: Person) -> Adult {
        let Person { id, title, forename, surname, born, nino, email, mobile, landline, .. } =
            person;
        Adult { id, title, forename, surname, born, nino, email, mobile, landline }
    }
}

impl Council {
    /// How many accounts there have ever been, that night.
    pub fn households_on(&self, night: u32) -> u32 {
        self.accounts_on(night.max(1))
    }

    /// The account of that number as that night leaves it; none where it is not there.
    pub fn household(&self, index: u32, night: u32) -> Option<Household> {
        let account = account_on(self, index, night.max(1))?;
        let home = Home::new(self.seed, account.place);
        let instalments_pence = (1..=INSTALMENTS).map(|n| account.instalment_pence(n)).collect();
        Some(Household {
            index,
            reference: reference(index),
            closed: account.closed,
            other: Adult::new(Person::new(self.seed, index, OTHER_ADULT)),
            line_1: home.line_1,
            line_2: home.line_2,
            town: home.town,
            postcode: home.postcode,
            band: BANDS[account.band].0,
            charge_pence: account.charge_pence(),
            reductions_pence: account.reductions_pence(),
            arrears_pence: account.arrears_pence,
            instalments_pence,
            instalments_paid: usize::try_from(account.instalments_paid).unwrap_or(0),
            direct_debit: account.method == "DD",
            pay_day: account.pay_day,
            bank_account: account.bank_account,
            liable: account.liable.into_iter().map(|liable| Adult::new(liable.person)).collect(),
        })
    }

    /// The day whose end that night's data describe.
    pub fn day_of(&self, night: u32) -> NaiveDate {
        run_date(night.max(1))
    }
}
