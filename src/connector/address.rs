//! Where a system that we call may be. Whoever can write a connector could otherwise have this machine
//! knock at doors that are open to it alone: its own pages, the cloud's keys, a database next door.
//!
//! An address is judged when the connector is opened, and every answer to a name once more when it is
//! connected to; what was judged is what is connected to. Judging asks nobody: names are looked up by
//! whoever calls.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use url::{Host, Url};

/// Looks up the addresses of a name.
pub type Lookup =
    Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Why an address is not called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    #[error("{what}")]
    Form { what: &'static str, remedy: &'static str },
    #[error("{0}")]
    Scheme(&'static str),
    #[error("`{host}` leads to {what}")]
    Address { host: String, what: &'static str, remedy: &'static str },
    #[error("`{0}` is this hub itself")]
    Own(String),
}

impl AddressFault {
    pub fn code(&self) -> &'static str {
        match self {
            AddressFault::Form { .. } => "url.form",
            AddressFault::Scheme(_) => "url.scheme",
            AddressFault::Address { .. } => "url.address",
            AddressFault::Own(_) => "url.self",
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            AddressFault::Form { remedy, .. } | AddressFault::Address { remedy, .. } => remedy,
            AddressFault::Scheme(_) => {
                "write `https://…`, or for a database `sslmode=verify-full`; without encryption only where \
                 `allow` names the host and its port"
            }
            AddressFault::Own(_) => "name another system: this one listens there itself",
        }
    }
}

/// Where an address leads that an answer gave, which may be written as seen from where it was asked.
pub fn joined(asked: &str, said: &str) -> Option<String> {
    Url::parse(asked).and_then(|url| url.join(said)).ok().map(String::from)
}

/// An address with these parameters behind it.
pub fn with_query(url: &str, parameters: &[(&str, &str)]) -> String {
    match Url::parse_with_params(url, parameters) {
        Ok(whole) => whole.into(),
        Err(_) => url.to_owned(),
    }
}

/// The host and port of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    host: Host<String>,
    port: u16,
    is_plain: bool,
}

impl Place {
    /// Takes an address apart as the client will: numbers that are written oddly are numbers.
    pub fn of(url: &str) -> Result<Place, AddressFault> {
        // What a client would drop in silence, before it looks, is refused.
        if url.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
            return Err(form("the address has blanks or line ends in it"));
        }
        let parsed = Url::parse(url).map_err(|_| form("this is not an address"))?;
        let is_plain = match parsed.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(AddressFault::Scheme("only https and http are called")),
        };
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(form("the address has a name or password in it"));
        }
        if parsed.fragment().is_some() {
            return Err(form("the address has a `#` in it"));
        }
        let host = parsed.host().map(|host| host.to_owned());
        let host = host.ok_or(form("the address names no host"))?;
        let port = parsed.port_or_known_default().unwrap_or(443);
        Ok(Place { host, port, is_plain })
    }

    /// A host that is reached by a protocol that encrypts by itself.
    pub fn of_host(host: &str, port: u16) -> Result<Place, AddressFault> {
        let wrong = AddressFault::Form {
            what: "this is not the name or number of a host",
            remedy: "write it like `sftp.example.com`, without `sftp://` and without a path",
        };
        let host = Host::parse(host).map_err(|_| wrong)?;
        Ok(Place { host, port, is_plain: false })
    }

    /// The host of a database, whose address may say who we are and whether it is encrypted, and nothing
    /// else: a second host among the parameters would be one that nobody judged.
    pub fn of_database(url: &str, usual_port: u16) -> Result<Place, AddressFault> {
        let wrong = |what| AddressFault::Form { what, remedy: DATABASE_REMEDY };
        if url.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
            return Err(wrong("the address has blanks or line ends in it"));
        }
        let parsed = Url::parse(url).map_err(|_| wrong("this is not the address of a database"))?;
        let host = parsed.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| wrong("the address names no host"))?;
        let host = Host::parse(host).map_err(|_| wrong("the address names no host"))?;
        let mut is_plain = false;
        for (name, value) in parsed.query_pairs() {
            match (&*name, &*value.to_ascii_lowercase().replace('_', "-")) {
                ("sslmode" | "ssl-mode", "verify-full" | "verify-identity") => {}
                ("sslmode" | "ssl-mode", _) => is_plain = true,
                _ => return Err(wrong("the address has a parameter that is not `sslmode`")),
            }
        }
        Ok(Place { host, port: parsed.port().unwrap_or(usual_port), is_plain })
    }

    /// The name that must be looked up; none where the address is a number.
    pub fn name(&self) -> Option<&str> {
        match &self.host {
            Host::Domain(name) => Some(name),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }

    /// Whether what goes there goes without encryption.
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// The number, where the address has one in place of a name.
    pub fn number(&self) -> Option<IpAddr> {
        number_of(&self.host)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    fn is(&self, allowed: &Allowed) -> bool {
        let same = match (&allowed.host, self.number()) {
            (Host::Domain(name), None) => self.name() == Some(name),
            (host, Some(number)) => number_of(host).is_some_and(|own| plain(own) == plain(number)),
            _ => false,
        };
        same && self.port == allowed.port
    }
}

/// A line of `allow`: a host, by name or number, and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    host: Host<String>,
    port: u16,
}

impl Allowed {
    /// Reads `orders.internal:8443`, `10.1.2.3:443` or `[fd00::7]:443`.
    pub fn parse(text: &str) -> Option<Allowed> {
        let (host, port) = text.rsplit_once(':')?;
        let host = Host::parse(host).ok()?;
        Some(Allowed { host, port: port.parse().ok().filter(|port| *port > 0)? })
    }
}

/// Where a connector may call.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Where it is told anything, only there.
    pub allow: Vec<Allowed>,
    /// Where this hub itself listens.
    pub own: Vec<SocketAddr>,
}

impl Reach {
    /// Judges an address before anybody is asked where its name leads.
    pub fn judge(&self, place: &Place) -> Result<(), AddressFault> {
        let named = self.allow.iter().any(|allowed| place.is(allowed));
        if place.is_plain && !named {
            return Err(AddressFault::Scheme(
                "what goes there is not encrypted, and `allow` does not name it",
            ));
        }
        if let Some(number) = place.number() {
            return self.judge_number(place, number);
        }
        if place.name().is_some_and(is_of_this_machine) && !named {
            return Err(refused(place, "this machine", BY_NUMBER));
        }
        self.judge_named(place, named)
    }

    /// Judges one of the numbers that a name leads to.
    pub fn judge_number(&self, place: &Place, number: IpAddr) -> Result<(), AddressFault> {
        let number = plain(number);
        let by_number = self.allow.iter().any(|allowed| {
            allowed.port == place.port && number_of(&allowed.host).map(plain) == Some(number)
        });
        let named = by_number || self.allow.iter().any(|allowed| place.is(allowed));
        if self.own.iter().any(|own| is_own(*own, number, place.port)) {
            return Err(AddressFault::Own(place.host.to_string()));
        }
        match kind_of(number) {
            Lies::Nowhere(what) => Err(refused(place, what, NEVER)),
            Lies::Here(what) if !by_number => Err(refused(place, what, BY_NUMBER)),
            Lies::Inside if !named => Err(refused(place, "a private network", BY_NAME)),
            _ => self.judge_named(place, named),
        }
    }

    fn judge_named(&self, place: &Place, named: bool) -> Result<(), AddressFault> {
        match named || self.allow.is_empty() {
            true => Ok(()),
            false => Err(refused(place, "somewhere that `allow` does not name", BY_NAME)),
        }
    }
}

fn form(what: &'static str) -> AddressFault {
    AddressFault::Form { what, remedy: "write it like `https://orders.example.com/residents`" }
}

fn refused(place: &Place, what: &'static str, remedy: &'static str) -> AddressFault {
    AddressFault::Address { host: place.host.to_string(), what, remedy }
}

const DATABASE_REMEDY: &str =
    "write it like `postgres://reader:PASSWORD@academy.internal:5432/academy`";
const BY_NAME: &str =
    "if it is meant, name its host and port: `allow = [\"orders.internal:8443\"]`";
const BY_NUMBER: &str = "if it is meant, name its number and port: `allow = [\"127.0.0.1:8090\"]`";
const NEVER: &str = "name another system: nobody is told anything there";

fn number_of(host: &Host<String>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(number) => Some(IpAddr::V4(*number)),
        Host::Ipv6(number) => Some(IpAddr::V6(*number)),
    }
}

/// Names that every machine has for itself.
fn is_of_this_machine(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

fn is_own(own: SocketAddr, number: IpAddr, port: u16) -> bool {
    let every = own.ip().is_unspecified() && number.is_loopback();
    own.port() == port && (every || plain(own.ip()) == number)
}

/// Where a number lies.
enum Lies {
    /// Among everybody.
    Outside,
    /// In a network that is not everybody's.
    Inside,
    /// On this machine, or next to it: only who writes the number means it.
    Here(&'static str),
    /// Nobody is told anything there.
    Nowhere(&'static str),
}

fn kind_of(number: IpAddr) -> Lies {
    match number {
        IpAddr::V4(number) => kind_of_4(number),
        IpAddr::V6(number) => kind_of_6(number),
    }
}

fn kind_of_4(number: Ipv4Addr) -> Lies {
    let [first, second, third, _] = number.octets();
    match (first, second) {
        _ if number == Ipv4Addr::new(169, 254, 169, 254) => Lies::Nowhere("the cloud's own keys"),
        (0, _) => Lies::Nowhere("no machine"),
        (127, _) => Lies::Here("this machine"),
        (169, 254) => Lies::Here("a machine beside this one"),
        (224.., _) => Lies::Nowhere("many machines at once, or none"),
        (10, _) | (172, 16..=31) | (192, 168) | (100, 64..=127) | (198, 18..=19) => Lies::Inside,
        (192, 0) if third == 0 => Lies::Inside,
        _ => Lies::Outside,
    }
}

fn kind_of_6(number: Ipv6Addr) -> Lies {
    let first = number.segments()[0];
    match first {
        _ if number == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254) => {
            Lies::Nowhere("the cloud's own keys")
        }
        _ if number.is_unspecified() => Lies::Nowhere("no machine"),
        _ if number.is_loopback() => Lies::Here("this machine"),
        0xfe80..=0xfebf => Lies::Here("a machine beside this one"),
        0xff00.. => Lies::Nowhere("many machines at once, or none"),
        0xfc00..=0xfdff | 0xfec0..=0xfeff => Lies::Inside,
        _ => Lies::Outside,
    }
}

/// The older number that a newer one stands for, where it does: mapped, or on its way through a
/// translator.
fn plain(number: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = number else { return number };
    let parts = six.segments();
    let four = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            four(high, low)
        }
        [0x2002, high, low, ..] => four(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => four(high, low),
        _ => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(allow: &[&str]) -> Reach {
        let allow = allow.iter().map(|line| Allowed::parse(line).expect("a line of `allow`"));
        Reach { allow: allow.collect(), own: vec![([127, 0, 0, 1], 8480).into()] }
    }

    fn told(allow: &[&str], url: &str) -> String {
        let judged = Place::of(url).and_then(|place| reach(allow).judge(&place));
        judged.map_or_else(|fault| fault.code().to_owned(), |()| "good".to_owned())
    }

    #[test]
    fn what_leads_inside_is_refused_however_it_is_written() {
        for url in [
            "https://169.254.169.254/",
            "https://[fd00:ec2::254]/",
            "https://127.0.0.1",
            "https://[::1]",
            "https://0.0.0.0",
            "https://2130706433",
            "https://0x7f.1",
            "https://0177.0.0.1",
            "https://127.1:9000/x",
            "https://[::ffff:127.0.0.1]",
            "https://[::127.0.0.1]",
            "https://[64:ff9b::7f00:1]",
            "https://[2002:7f00:1::]",
            "https://localhost",
            "https://a.localhost.:443/",
            "https://10.0.0.1",
            "https://172.20.1.1",
            "https://192.168.0.9",
            "https://100.64.0.1",
            "https://[fd12::1]",
            "https://[fe80::1]",
            "https://224.0.0.1",
            "https://255.255.255.255",
            "https://[ff02::1]",
        ] {
            assert_eq!(told(&[], url), "url.address", "{url}");
        }
        for url in
            ["https://orders.example.com/x", "https://203.0.113.9:8443/", "https://172.32.0.1"]
        {
            assert_eq!(told(&[], url), "good", "{url}");
        }
    }

    #[test]
    fn what_is_no_plain_web_address_is_refused() {
        for (url, code) in [
            ("file:///etc/hosts", "url.scheme"),
            ("gopher://example.com", "url.scheme"),
            ("ftp://example.com/", "url.scheme"),
            ("unix:/run/x.sock", "url.scheme"),
            ("jar:https://example.com!/", "url.scheme"),
            ("http://orders.example.com/", "url.scheme"),
            ("https://user:pass@example.com", "url.form"),
            ("https://user@example.com", "url.form"),
            ("https://example.com/\r\nx: y", "url.form"),
            ("https://exam\tple.com/", "url.form"),
            (" https://example.com/", "url.form"),
            ("https://example.com/#part", "url.form"),
            ("https://", "url.form"),
            ("example.com", "url.form"),
            ("", "url.form"),
        ] {
            assert_eq!(told(&[], url), code, "{url}");
        }
    }

    #[test]
    fn a_database_is_judged_as_anything_else_is() {
        let told = |allow: &[&str], url: &str| {
            let judged = Place::of_database(url, 5432).and_then(|place| reach(allow).judge(&place));
            judged.map_or_else(|fault| fault.code().to_owned(), |()| "good".to_owned())
        };
        for (allow, url, expected) in [
            ("", "postgres://reader:pw@academy.example.com/a", "good"),
            ("", "postgres://academy.example.com/a?sslmode=verify-full", "good"),
            ("", "mysql://academy.example.com/a?ssl-mode=VERIFY_IDENTITY", "good"),
            ("", "postgres://academy.example.com/a?sslmode=disable", "url.scheme"),
            ("", "postgres://academy.example.com/a?sslmode=require", "url.scheme"),
            (
                "academy.example.com:5432",
                "postgres://academy.example.com/a?sslmode=require",
                "good",
            ),
            ("", "postgres://127.0.0.1/a", "url.address"),
            ("", "postgres://0x7f.1/a", "url.address"),
            ("", "postgres://localhost/a", "url.address"),
            ("", "postgres://10.0.0.9/a", "url.address"),
            ("10.0.0.9:5432", "postgres://10.0.0.9/a", "good"),
            ("169.254.169.254:5432", "postgres://169.254.169.254/a", "url.address"),
            ("", "postgres:///a?host=127.0.0.1", "url.form"),
            ("", "postgres://academy.example.com/a?host=127.0.0.1", "url.form"),
            ("", "mysql://academy.example.com/a?socket=/run/x.sock", "url.form"),
            ("", "postgres://%2Frun%2Fpostgresql/a", "url.form"),
        ] {
            let allow: Vec<&str> = [allow].into_iter().filter(|line| !line.is_empty()).collect();
            assert_eq!(told(&allow, url), expected, "{url}");
        }
    }

    #[test]
    fn only_what_is_allowed_by_name_and_port_is_reached_inside() {
        for (allow, url, expected) in [
            ("10.1.2.3:443", "https://10.1.2.3/", "good"),
            ("10.1.2.3:443", "https://10.1.2.3:444/", "url.address"),
            ("orders.internal:8080", "http://orders.internal:8080/x", "good"),
            ("orders.internal:8080", "http://orders.internal/x", "url.scheme"),
            ("orders.internal:8080", "https://elsewhere.example.com/", "url.address"),
            ("127.0.0.1:8090", "http://127.0.0.1:8090/", "good"),
            ("127.0.0.1:8090", "http://0x7f.1:8090/", "good"),
            ("[::1]:8090", "http://[::1]:8090/", "good"),
            ("169.254.169.254:80", "http://169.254.169.254/", "url.address"),
            ("0.0.0.0:80", "http://0.0.0.0/", "url.address"),
            // Nobody's list lets a hub tell itself.
            ("127.0.0.1:8480", "http://127.0.0.1:8480/", "url.self"),
        ] {
            assert_eq!(told(&[allow], url), expected, "{allow} {url}");
        }
        for line in ["", "host", "host:", "host:0", "host:70000", ":443", "https://host:443"] {
            assert_eq!(Allowed::parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_name_that_is_allowed_may_lead_inside_and_never_to_this_machine() {
        let numbers: [(&str, &[&str], bool); 7] = [
            ("203.0.113.9", &[], true),
            ("10.1.2.3", &[], false),
            ("10.1.2.3", &["orders.internal:443"], true),
            ("127.0.0.1", &["orders.internal:443"], false),
            ("::ffff:127.0.0.1", &["orders.internal:443"], false),
            ("127.0.0.1", &["orders.internal:443", "127.0.0.1:443"], true),
            ("169.254.169.254", &["orders.internal:443", "169.254.169.254:443"], false),
        ];
        let place = Place::of("https://orders.internal/").expect("an address");
        for (number, allow, good) in numbers {
            let judged = reach(allow).judge_number(&place, number.parse().expect("a number"));
            assert_eq!(judged.is_ok(), good, "{number} {allow:?}");
        }
    }
}
