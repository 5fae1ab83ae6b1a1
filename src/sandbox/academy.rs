//! A copy of Academy's tables, as a council's reporting database has it: the same accounts as in the extracts, in
//! the words of that system. A file of SQLite, so that it can be asked wherever the hub runs.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::council::Council;
use super::council::household::{Adult, Household};

/// As the copy has them: days are text with seven decimals of a second, and what has no end ends in 2099.
const TABLES: &str = "
    CREATE TABLE ctaccount (account_ref int, account_cd char(1), lead_liab_name varchar(32), lead_liab_pos smallint,
        paymeth_code varchar(5), for_addr1 varchar(32), for_addr2 varchar(32), for_addr3 varchar(32),
        for_postcode varchar(8));
    CREATE TABLE ctoccupation (account_ref int, property_ref varchar(18), occupation_date varchar(37),
        vacation_date varchar(37), live_ind smallint);
    CREATE TABLE ctproperty (property_ref varchar(18), addr1 varchar(35), addr2 varchar(35), addr3 varchar(32),
        addr4 varchar(32), postcode varchar(8), uprn varchar(12));
    CREATE TABLE ctliab_person (account_ref int, party_ref int, liab_name varchar(32), liab_pos smallint);
    CREATE TABLE ctnotice (account_ref int, bill_no int, notice_balance numeric(14,2));
    CREATE TABLE syphone (ref varchar(20), phonenum1 varchar(20), phonenum2 varchar(20), email varchar(60))";
const OPEN_END: &str = "2099-12-31 00:00:00.0000000";
/// Positions of liability: an owner's, and that of whoever lives with one.
const LIABLE: i64 = 1;

/// Writes the first so many accounts of a council, as its first night left them.
pub async fn write(council: &Council, accounts: u32, path: &Path) -> Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await?;
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(TABLES).execute(&mut *transaction).await?;
    for index in 0..accounts.min(council.households_on(1)) {
        if let Some(home) = council.household(index, 1) {
            put(&mut transaction, &home).await?;
        }
    }
    transaction.commit().await?;
    connection.close().await
}

async fn put(connection: &mut SqliteConnection, home: &Household) -> Result<(), sqlx::Error> {
    let account = i64::from(home.index) + 99_000_001;
    let property = format!("{:09}", home.index + 12_345);
    let mut liable = home.liable.iter();
    let lead = liable.next().map(named).unwrap_or_default();
    let method = if home.direct_debit { "DDM01" } else { "CASHM" };
    sqlx::query("INSERT INTO ctaccount VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL, NULL)")
        .bind(account)
        .bind(check_letter(account))
        .bind(lead)
        .bind(LIABLE)
        .bind(method)
        .execute(&mut *connection)
        .await?;
    for (number, other) in (2..).zip(liable) {
        sqlx::query("INSERT INTO ctliab_person VALUES (?, ?, ?, ?)")
            .bind(account)
            .bind(number)
            .bind(named(other))
            .bind(LIABLE)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query("INSERT INTO ctproperty VALUES (?, ?, ?, NULL, ?, ?, NULL)")
        .bind(&property)
        .bind(&home.line_1)
        .bind(home.line_2)
        .bind(home.town)
        .bind(&home.postcode)
        .execute(&mut *connection)
        .await?;
    let (vacated, is_live) = match home.closed {
        Some(day) => (format!("{day} 00:00:00.0000000"), 0),
        None => (OPEN_END.to_owned(), 1),
    };
    sqlx::query("INSERT INTO ctoccupation VALUES (?, ?, '2019-04-01 00:00:00.0000000', ?, ?)")
        .bind(account)
        .bind(&property)
        .bind(vacated)
        .bind(is_live)
        .execute(&mut *connection)
        .await?;
    for (bill, pence) in (1_i64..).zip(home.instalments_pence.iter().skip(home.instalments_paid)) {
        sqlx::query("INSERT INTO ctnotice VALUES (?, ?, CAST(? AS NUMERIC))")
            .bind(account)
            .bind(bill)
            .bind(format!("{}.{:02}", pence / 100, pence % 100))
            .execute(&mut *connection)
            .await?;
    }
    let Some(lead) = home.liable.first() else { return Ok(()) };
    sqlx::query("INSERT INTO syphone VALUES (?, ?, NULL, ?)")
        .bind(format!("{account}  "))
        .bind(&lead.mobile)
        .bind(&lead.email)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// Behind the number stands a letter, by which a mistyped one is noticed.
fn check_letter(account: i64) -> String {
    let at = usize::try_from(account % 23).unwrap_or_default();
    char::from(b"ABCDEFGHJKLMNPQRSTUVWXY"[at]).to_string()
}

/// `TESTBERRY,MS ARDEN`
fn named(adult: &Adult) -> String {
    let name = format!("{},{} {}", adult.surname, adult.title, adult.forename);
    name.to_uppercase()
}
