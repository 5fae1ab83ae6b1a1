//! A database that is asked over SQL: a real PostgreSQL, a real MariaDB and a file of SQLite, each asked the
//! same.

mod academy;
mod hub;
pub mod old;
mod reading;
mod safety;
