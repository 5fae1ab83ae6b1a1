//! Council tax: a person's accounts, one of them, its ledger, its instalments, its properties, and what was
//! written to the person.

use std::fmt::Write;

use chrono::{Datelike, Days, Months, NaiveDate};

use super::pages::{Escaped, Padded, Pounds, day, details, form_fields, furniture, name};
use crate::sandbox::council::household::Household;

/// The year that money of these data belongs to.
const YEAR: i32 = 2026;

/// A page about somebody, and what it needs.
pub struct Page<'p> {
    pub home: &'p Household,
    /// Who of the household it is.
    pub slot: usize,
    /// The name of the session's person, whoever's account is shown.
    pub name: String,
    pub session: &'p str,
    pub now_ms: i64,
}

impl Page<'_> {
    fn furniture(&self, docid: &str) -> String {
        furniture(docid, self.session, true, self.now_ms)
    }

    pub fn new<'p>(home: &'p Household, slot: usize, session: &'p str, now_ms: i64) -> Page<'p> {
        let name = home.adult(slot).map(|adult| name(adult, true)).unwrap_or_default();
        Page { home, slot, name, session, now_ms }
    }

    /// The list of accounts. References are padded with blanks here.
    pub fn accounts(&self) -> String {
        let home = self.home;
        let is_liable = self.slot < home.liable.len();
        let row = match is_liable {
            true => format!(
                "<CtaxActDetails AccountStatus=\"{}\" CtaxActRef=\"{} \" CtaxBalance=\"{}\">\
                 <CtaxActAddress>{}, {} {}</CtaxActAddress></CtaxActDetails>",
                if home.closed.is_some() { "OLD" } else { "CURRENT" },
                home.reference,
                Padded(balance(home)),
                Escaped(&home.line_1),
                home.town,
                home.postcode,
            ),
            false => String::new(),
        };
        let details = home.adult(self.slot).map(details).unwrap_or_default();
        format!(
            "<CtaxSelectDoc Method=\"GET\"><accbal>Y</accbal>{}{}{details}<ExternalAddresses/>\
             <CtaxActList>{row}</CtaxActList>{}</CtaxSelectDoc>",
            form_fields("ctxsel", self.session),
            self.name,
            self.furniture("ctxsel"),
        )
    }

    /// One account. Looking at it moves the session's cursor, which is the caller's business.
    pub fn account(&self, year: Option<i32>) -> String {
        let home = self.home;
        let bank = match home.direct_debit {
            true => format!(
                "<ActPayGrp DirectDebit=\"{}\">DDM{:02}</ActPayGrp><BankDetails BankActName=\"{} {}\" \
                 BankActSortNumber=\"999911\" BankActNumber=\"{:08}\"/>",
                if home.index.is_multiple_of(2) { "Yes" } else { "yes" },
                home.pay_day,
                home.liable[0].title,
                Escaped(&home.liable[0].surname),
                home.bank_account % 100_000_000,
            ),
            false => "<ActPayGrp>CASH</ActPayGrp>".to_owned(),
        };
        let years = [YEAR, YEAR - 1].into_iter().filter(|one| year.is_none_or(|year| year == *one));
        let years: String = years.map(|year| self.year(year)).collect();
        let closed = if home.closed.is_some() { "TRUE" } else { "FALSE" };
        format!(
            "<CtaxDetails>{}<CtxActRef>{}</CtxActRef><CtxActBalance>{}</CtxActBalance>\
             <CtxActClosed>{closed}</CtxActClosed><AccountDetails>{bank}</AccountDetails>\
             <FinancialDetails>{years}</FinancialDetails>{}</CtaxDetails>",
            self.name,
            home.reference,
            Pounds(balance(home)),
            self.furniture("ctxdet"),
        )
    }

    fn year(&self, year: i32) -> String {
        let home = self.home;
        let (outstanding, charge, paid) = match year {
            YEAR => (owed(home), home.charge_pence as i64, -paid(home)),
            _ => (home.arrears_pence as i64, home.arrears_pence as i64, 0),
        };
        let stage = match home.arrears_pence {
            0 => "BIL",
            some if some < 30_000 => "RM1",
            some if some < 60_000 => "RM2",
            _ => "SUM",
        };
        let arrangement = match home.index % 4 {
            0 => "",
            1 => "<SparNo/>",
            2 => "<SparNo>0</SparNo>",
            _ => "<SparNo>7</SparNo>",
        };
        let (billed, reminded) = (date(year, 3, 12), date(year, 6, 2));
        format!(
            "<RecYrTotals Year=\"{year}\"><RecYrSummary><Stage StageCode=\"BIL\" StageDate=\"{}\"/>\
             </RecYrSummary><RecYrSummary><Stage StageCode=\"{stage}\" StageDate=\"{}\"/><NextPayment \
             DateDue=\"{}\" AmountDue=\"{}\"/></RecYrSummary><BalanceOutstanding>{}</BalanceOutstanding>\
             <TotalCharge>{}</TotalCharge><TotalPayments>{}</TotalPayments><TotalBenefits>0.00</TotalBenefits>\
             <TotalCosts>0.00</TotalCosts><TotalRefunds>0.00</TotalRefunds><TotalWriteoffs>0.00</TotalWriteoffs>\
             <TotalTransfers>0.00</TotalTransfers><TotalPenalties>0.00</TotalPenalties>{arrangement}</RecYrTotals>",
            day(billed, false),
            day(reminded, true),
            day(date(year, 7, home.pay_day), false),
            Pounds(home.instalments_pence.get(3).copied().unwrap_or(0) as i64),
            Padded(outstanding),
            Padded(charge),
            Padded(paid),
        )
    }

    /// The ledger of a year. Two payments of one amount may fall on one day; an entry may lack its type.
    pub fn transactions(&self, year: i32) -> String {
        let home = self.home;
        let mut rows = String::new();
        let mut number = 0;
        let mut entry = |kind: &str, when: NaiveDate, pence: i64, how: &str| {
            number += 1;
            let kind =
                if kind.is_empty() { String::new() } else { format!(" TranType=\"{kind}\"") };
            let how =
                if how.is_empty() { String::new() } else { format!("<SubCode>{how}</SubCode>") };
            let _ = write!(
                rows,
                "<Transaction Number=\"{number}\"{kind} Year=\"{year}\"><Date NumericEquiv=\"{}\">{}</Date>\
                 <Amount>{}</Amount>{how}</Transaction>",
                when.format("%Y%m%d"),
                day(when, number % 2 == 0),
                Padded(pence),
            );
        };
        if year == YEAR {
            entry("Charge", date(year, 4, 1), home.charge_pence as i64, "");
            if home.reductions_pence > 0 {
                entry("DISCOUNT", date(year, 4, 1), -(home.reductions_pence as i64), "DISCOUNT");
            }
            for (at, pence) in home.instalments_pence.iter().take(home.instalments_paid).enumerate()
            {
                // The third is paid on the day of the second.
                let month = if at == 2 { 1 } else { at as u32 };
                let when = date(year, 4, home.pay_day) + Months::new(month);
                let how = if at == 2 { "DCARD" } else { "D/D CASH" };
                entry("PAYMENTS", when, -(*pence as i64), how);
            }
            entry("", date(year, 5, 2), 0, "");
        }
        format!("<TranList>{rows}{}</TranList>", self.furniture("ctxtrn"))
    }

    /// The plan. Amounts are negative here.
    pub fn instalments(&self, year: i32) -> String {
        let home = self.home;
        let flag = if home.direct_debit { "Y" } else { "N" };
        let mut rows = String::new();
        for (at, pence) in home.instalments_pence.iter().enumerate().filter(|_| year == YEAR) {
            let when = date(year, 4, home.pay_day) + Months::new(at as u32);
            let _ = write!(
                rows,
                "<Instalment DateDue=\"{}\" AmountDue=\"-{}\" DDInd=\"{flag}\"/>",
                day(when, at % 2 == 1),
                Pounds(*pence as i64),
            );
        }
        let how = if home.direct_debit { "DD" } else { "CASH" };
        format!(
            "<IRInstalments><PaymentMethod>{how}</PaymentMethod><InstalmentList>{rows}</InstalmentList>{}\
             </IRInstalments>",
            self.furniture("irins")
        )
    }

    /// The properties: each element `Places` is one. Some accounts have two, and a few no list at all.
    pub fn properties(&self) -> String {
        let home = self.home;
        let place = |line: &str, reference: u32, status: &str| {
            format!(
                "<Places><PlaceRef>{reference:09}   </PlaceRef><Address1>{}</Address1><Address2>{}</Address2>\
                 <Address3>{}</Address3><Address4/><Address5/><PostCode>{}</PostCode><Band BandType=\"CTAX\">{}\
                 </Band><FullYearCharge>{}</FullYearCharge><PropertyStatus>{status}</PropertyStatus></Places>",
                Escaped(line),
                home.line_2,
                home.town,
                home.postcode,
                home.band,
                Pounds(home.charge_pence as i64),
            )
        };
        let before = match home.index % 5 {
            0 => place("1 Earlier Street", 900_000_000 + home.index, "Previous"),
            _ => String::new(),
        };
        let now = place(&home.line_1, 1 + home.index, "Current");
        let list = match home.index % 13 {
            12 => String::new(),
            _ => format!("<PropertyList>{before}{now}</PropertyList>"),
        };
        format!(
            "<CtaxPropDetails><CtxActRef>{}</CtxActRef>{}{list}{}</CtaxPropDetails>",
            home.reference,
            self.name,
            self.furniture("ctxprop"),
        )
    }

    /// Bills and letters. Names of attributes are in small letters here.
    pub fn documents(&self) -> String {
        let home = self.home;
        let row = |number: u32, when: NaiveDate, kind: &str, title: &str| {
            format!(
                "<Document id=\"DOC{:06}{number}\" datecreated=\"{}\" downloaded=\"{}\" type=\"{kind}\">\
                 <DocumentName>{title}</DocumentName><Ref1>{}</Ref1><Module>C</Module></Document>",
                home.index,
                day(when, true),
                if number == 0 { "yes" } else { "no" },
                home.reference,
            )
        };
        let rows = [
            row(0, date(YEAR, 3, 12), "Bill", "Council Tax Bill 2026"),
            row(1, date(YEAR - 1, 10, 2), "Bill", "Council Tax Bill 2025"),
        ];
        let rows = if self.slot < home.liable.len() { rows.concat() } else { String::new() };
        format!("<Documents>{rows}{}</Documents>", self.furniture("viewdoc"))
    }
}

/// What is left to pay of this year.
fn owed(home: &Household) -> i64 {
    home.charge_pence as i64 - home.reductions_pence as i64 - paid(home)
}

fn paid(home: &Household) -> i64 {
    home.instalments_pence.iter().take(home.instalments_paid).map(|pence| *pence as i64).sum()
}

/// What is left to pay of every year.
fn balance(home: &Household) -> i64 {
    owed(home) + home.arrears_pence as i64
}

/// That day, or the last of its month.
fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(year, month, 1).unwrap_or_default();
    let found = first + Days::new(u64::from(day.saturating_sub(1)));
    if found.month() == month { found } else { first + Days::new(27) }
}
