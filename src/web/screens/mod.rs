//! The screens: pages for the council's people, made here and whole without JavaScript. They find out who asks
//! and whether they may; what is shown and done is what the API answers, asked in that person's name, so that
//! there is no second way to anything.

pub mod assets;
pub mod chart;
pub mod labels;
pub mod pages;
pub mod routes;
pub mod service;
pub mod session;
pub mod table;
pub mod visit;
pub mod words;
