//! The revenues system: each council tax account and the people liable for it, as XML.

use std::fmt::Write as _;
use std::io::{self, Write};

use chrono::{Datelike, NaiveDate};

use super::account::{Account, BANDS, Event, INSTALMENTS, Liable, account_on, reference};
use super::people::Home;
use super::{Council, Tonight, Truth, run_date};

pub(super) fn write(council: &Council, night: u32, out: &mut dyn Write) -> io::Result<Truth> {
    let mut truth = Truth::default();
    let (mut row, mut earlier) = (String::new(), String::new());
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    write!(out, r#"<CouncilTaxExtract xmlns="urn:example:ctax:extract:1" "#)?;
    write!(out, r#"authority="Example MBC" runDate="{}" "#, run_date(night))?;
    writeln!(out, r#"sequence="{night}">"#)?;
    for index in 0..council.accounts_on(night) {
        let Some(account) = account_on(council, index, night) else {
            let was_there = night > 1 && account_on(council, index, night - 1).is_some();
            truth.dropped += u64::from(was_there);
            continue;
        };
        row.clear();
        account.print(council.seed, &mut row);
        out.write_all(row.as_bytes())?;
        truth.count(tonight(council, &account, night, &row, &mut earlier));
    }
    writeln!(out, r#"<Trailer accounts="{}"/></CouncilTaxExtract>"#, truth.rows)?;
    Ok(truth)
}

/// Compares with the night before only where something fell on this account tonight.
fn tonight(
    council: &Council,
    account: &Account,
    night: u32,
    row: &str,
    earlier: &mut String,
) -> Tonight {
    if council.born_on(account.index) == night {
        return Tonight::New;
    }
    if account.closed == Some(run_date(night)) {
        return Tonight::Closed;
    }
    if Event::on(council, account.index, night).is_none() {
        return Tonight::Nothing;
    }
    let Some(before) = account_on(council, account.index, night - 1) else {
        return Tonight::New;
    };
    earlier.clear();
    before.print(council.seed, earlier);
    if row == earlier { Tonight::Nothing } else { Tonight::Changed }
}

impl Account {
    fn print(&self, seed: u64, row: &mut String) {
        let printed = self
            .print_head(row)
            .and_then(|()| self.print_property(&Home::new(seed, self.place), row))
            .and_then(|()| self.print_money(row));
        printed.expect("a String takes all that is written to it");
    }

    fn print_head(&self, row: &mut String) -> std::fmt::Result {
        let status = if self.closed.is_some() { "CLOSED" } else { "OPEN" };
        write!(row, r#"<Account ref="{}"><Status>{status}</Status>"#, reference(self.index))?;
        write!(row, "<OpenedDate>{}</OpenedDate>", self.opened)?;
        match self.closed {
            Some(day) => write!(row, "<ClosedDate>{day}</ClosedDate>")?,
            None => row.push_str("<ClosedDate/>"),
        }
        row.push_str("\n<LiablePersons>");
        for (number, liable) in (1..).zip(&self.liable) {
            liable.print(number, row)?;
        }
        row.push_str("</LiablePersons>\n");
        Ok(())
    }

    fn print_property(&self, home: &Home, row: &mut String) -> std::fmt::Result {
        write!(row, "<Property><UPRN>{}</UPRN>", home.uprn)?;
        write!(row, "<VORef>VO{:09}</VORef>", self.place * 7 % 1_000_000_000)?;
        write!(row, "<Band>{}</Band>", BANDS[self.band].0)?;
        write!(row, "<Address><Line1>{}</Line1>", Escaped(&home.line_1))?;
        match home.line_2 {
            "" => row.push_str("<Line2/>"),
            line => write!(row, "<Line2>{}</Line2>", Escaped(line))?,
        }
        write!(row, "<Town>{}</Town><County>Exampleshire</County>", Escaped(home.town))?;
        writeln!(row, "<Postcode>{}</Postcode></Address></Property>", home.postcode)?;
        if !self.written_to.is_empty() {
            let line = Escaped(&self.written_to);
            writeln!(row, "<CorrespondenceAddress><Line1>{line}</Line1></CorrespondenceAddress>")?;
        }
        Ok(())
    }

    fn print_money(&self, row: &mut String) -> std::fmt::Result {
        row.push_str("<Discounts>");
        for (code, percent) in &self.discounts {
            write!(row, r#"<Discount code="{code}" pct="{percent}" from="2026-04-01"/>"#)?;
        }
        row.push_str("</Discounts>\n");
        let paid: u64 =
            (1..=self.instalments_paid).map(|number| self.instalment_pence(number)).sum();
        let net = self.net_pence();
        write!(row, r#"<Balance year="2026"><Charge>{}</Charge>"#, Pounds(self.charge_pence()))?;
        write!(row, "<Reductions>{}</Reductions>", Pounds(self.charge_pence() - net))?;
        write!(row, "<Paid>{}</Paid>", Pounds(paid))?;
        write!(row, "<Outstanding>{}</Outstanding>", Pounds(net - paid))?;
        write!(row, "<Arrears>{}</Arrears></Balance>\n<Instalments>", Pounds(self.arrears_pence))?;
        for number in 1..=INSTALMENTS {
            let amount = self.instalment_pence(number);
            let paid = if number <= self.instalments_paid { amount } else { 0 };
            let due = due_month(number).with_day(self.pay_day).unwrap_or(due_month(number));
            write!(row, r#"<Instalment n="{number}" due="{due}" "#)?;
            write!(row, r#"amount="{}" paid="{}"/>"#, Pounds(amount), Pounds(paid))?;
        }
        row.push_str("</Instalments>\n");
        write!(row, r#"<PaymentMethod type="{}"><Day>{}</Day>"#, self.method, self.pay_day)?;
        if self.method == "DD" {
            row.push_str("<SortCode>00-00-00</SortCode>");
            write!(row, "<AccountNumber>{}</AccountNumber>", self.bank_account)?;
            write!(row, "<MandateRef>DDM{:09}</MandateRef>", self.index)?;
        }
        row.push_str("</PaymentMethod></Account>\n");
        Ok(())
    }
}

impl Liable {
    fn print(&self, number: u64, row: &mut String) -> std::fmt::Result {
        let role = if number == 1 { "PRIMARY" } else { "JOINT" };
        let person = &self.person;
        write!(row, r#"<Person seq="{number}" role="{role}">"#)?;
        write!(row, "<PersonId>P{:010}</PersonId><Title>{}</Title>", person.id, person.title)?;
        write!(row, "<Forename>{}</Forename>", Escaped(person.forename))?;
        write!(row, "<Surname>{}</Surname>", Escaped(&person.surname))?;
        write!(row, "<DateOfBirth>{}</DateOfBirth><NINO>{}</NINO>", self.born, self.nino)?;
        write!(row, "<Email>{}</Email>", self.email)?;
        writeln!(row, "<Telephone>{}</Telephone></Person>", self.telephone)
    }
}

/// April to January.
fn due_month(number: u64) -> NaiveDate {
    let april = NaiveDate::from_ymd_opt(2026, 4, 1).expect("a day of the calendar");
    let later = u32::try_from(number.saturating_sub(1)).unwrap_or(0);
    april + chrono::Months::new(later)
}

/// Pence as pounds with two decimals.
struct Pounds(u64);

impl std::fmt::Display for Pounds {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Text as XML content.
struct Escaped<'t>(&'t str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                _ => out.write_char(letter)?,
            }
        }
        Ok(())
    }
}
