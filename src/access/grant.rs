//! Whether a key opens the door now, from there: revoked, over, or shown from a network it is not for.

use ipnet::IpNet;

use super::actor::Actor;
use super::scope::Scopes;

/// How many live keys one name may have: two, so that the second is in use before the first is revoked.
pub const LIVE_MAX: i64 = 2;
/// For how long a key may be made.
pub const DAYS_MAX: u32 = 365;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub name: String,
    pub scopes: Scopes,
    /// From where it may be shown; anywhere where there is none.
    pub networks: Vec<IpNet>,
    /// UTC milliseconds
    pub expires_ms: i64,
    pub revoked_ms: Option<i64>,
}

/// Why a key does not open the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    Revoked,
    Expired,
    /// It is good, and not for here.
    Network,
}

impl Grant {
    pub fn opens(&self, from: IpNet, now_ms: i64) -> Result<(), Shut> {
        if self.revoked_ms.is_some() {
            return Err(Shut::Revoked);
        }
        if self.expires_ms <= now_ms {
            return Err(Shut::Expired);
        }
        match self.networks.is_empty() || self.networks.iter().any(|one| one.contains(&from)) {
            true => Ok(()),
            false => Err(Shut::Network),
        }
    }

    pub fn actor(&self) -> Actor {
        Actor::key(&self.name)
    }
}

/// `10.1.0.0/16`, or one address.
pub fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let whole = match text.contains('/') {
        true => text.to_owned(),
        false if text.contains(':') => format!("{text}/128"),
        false => format!("{text}/32"),
    };
    let network: IpNet = whole.parse().map_err(|_| {
        "a network is written as `10.1.0.0/16` or `2001:db8::/32`, or as one address".to_owned()
    })?;
    Ok(network.trunc())
}

/// The same, as it is kept.
pub fn network_words(text: &str) -> Result<String, String> {
    network(text).map(|network| network.to_string())
}

/// Networks as they are kept. One that cannot be read is none that anybody calls from.
pub fn networks_from_words(words: &str) -> Result<Vec<IpNet>, String> {
    words.split(',').filter(|word| !word.is_empty()).map(network).collect()
}

/// Whether an address is in one of the networks as they are kept; in any, where there are none. One that cannot be
/// read is in none.
pub fn is_within(words: &str, address: &str) -> bool {
    match (networks_from_words(words), network(address)) {
        (Ok(networks), _) if networks.is_empty() => true,
        (Ok(networks), Ok(address)) => networks.iter().any(|one| one.contains(&address)),
        _ => false,
    }
}

/// `10.1.0.0/16,10.2.0.0/16`
pub fn networks_words(networks: &[IpNet]) -> String {
    networks.iter().map(IpNet::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_the_door_while_it_lives_and_from_where_it_is_for() {
        let open = Grant {
            name: "crm".to_owned(),
            scopes: Scopes::all(),
            networks: vec![],
            expires_ms: 100,
            revoked_ms: None,
        };
        let inside = networks_from_words("10.1.0.0/16,2001:db8::/32").unwrap();
        let bound = Grant { networks: inside, ..open.clone() };
        let revoked = Grant { revoked_ms: Some(1), ..open.clone() };
        for (grant, from, now_ms, wanted) in [
            (&open, "192.0.2.1", 99, Ok(())),
            (&open, "192.0.2.1", 100, Err(Shut::Expired)),
            (&revoked, "192.0.2.1", 0, Err(Shut::Revoked)),
            (&bound, "10.1.255.255", 0, Ok(())),
            (&bound, "10.2.0.0", 0, Err(Shut::Network)),
            (&bound, "2001:db8::1", 0, Ok(())),
            (&bound, "2001:db9::1", 0, Err(Shut::Network)),
        ] {
            assert_eq!(grant.opens(network(from).unwrap(), now_ms), wanted, "{from} {now_ms}");
        }
        assert_eq!(open.actor().as_str(), "key:crm");
    }

    #[test]
    fn a_network_is_read_as_it_is_meant() {
        for (text, wanted) in [
            ("10.1.2.3/16", "10.1.0.0/16"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("::1", "::1/128"),
            (" 192.0.2.0/24 ", "192.0.2.0/24"),
        ] {
            assert_eq!(network(text).unwrap().to_string(), wanted);
        }
        for wrong in ["", "10.1", "10.1.0.0/33", "hub.example.com", "*"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
        let kept = networks_words(&[network("10.1.0.0/16").unwrap(), network("::1").unwrap()]);
        assert_eq!(networks_words(&networks_from_words(&kept).unwrap()), kept);
        assert!(
            is_within(&kept, "10.1.7.7") && is_within(&kept, "::1") && is_within("", "192.0.2.1")
        );
        assert!(!is_within(&kept, "10.2.0.1") && !is_within("nonsense", "10.1.7.7"));
        assert!(!is_within(&kept, "nonsense"));
    }
}
