//! Who acts at the command line: the machine's own user.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::access::actor::Actor;

/// `user:kim`, the user that this process runs as; by the number where the machine has no name for it.
pub fn of_this_process() -> Actor {
    // Who owns what the machine says of this process.
    let Ok(about) = fs::metadata("/proc/self") else { return Actor::user("unknown") };
    let number = about.uid();
    let known = fs::read_to_string("/etc/passwd").unwrap_or_default();
    match name_of(&known, number) {
        Some(name) => Actor::user(name),
        None => Actor::user(&number.to_string()),
    }
}

/// By passwd(5): `name:password:number:…`.
fn name_of(known: &str, number: u32) -> Option<&str> {
    let parts = |line: &'_ str| -> Option<u32> { line.split(':').nth(2)?.parse().ok() };
    let line = known.lines().find(|line| parts(line) == Some(number))?;
    line.split(':').next().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_where_the_machine_knows_one() {
        let known = "root:x:0:0:root:/root:/bin/sh\nkim:x:1000:1000::/home/kim:/bin/sh\nbad\n";
        assert_eq!(name_of(known, 1000), Some("kim"));
        assert_eq!(name_of(known, 7), None);
        assert!(of_this_process().as_str().starts_with("user:"));
    }
}
