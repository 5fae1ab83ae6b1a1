pub mod personal;
pub mod value;
