//! Who is let in. A call must be meant for us (a web page in somebody's browser can reach the loopback of
//! their machine, by its own name for it too), and it must bring a key, or come from this machine while
//! there are no keys.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use super::Hub;
use super::call::{Caller, Within};
use super::keyring::{Keyring, Keys};
use super::problem::{Kind, Problem};
use crate::access::actor::Actor;
use crate::access::grant::{self, Shut};
use crate::access::key::{Key, NoKey};
use crate::access::scope::Scopes;
use crate::store::database::StoreError;
use crate::store::keys;

/// Where we are reached.
#[derive(Debug, Clone)]
pub struct Door {
    pub listening: SocketAddr,
    /// Names under which something in front of us is called.
    pub names: Vec<String>,
    /// Networks of what stands in front and is trusted to say who calls: `10.1.0.5/32,…`; empty: nobody is.
    pub fronts: String,
    pub keyring: Keyring,
}

/// What stands in front of us: the names it is called by, and where it calls from, if it is trusted to say who calls.
#[derive(Debug, Clone, Default)]
pub struct InFront {
    pub names: Vec<String>,
    pub fronts: Vec<String>,
}

impl From<Vec<String>> for InFront {
    fn from(names: Vec<String>) -> InFront {
        InFront { names, fronts: Vec::new() }
    }
}

/// What something in front of us adds: such a call is not from this machine, wherever it comes from last.
const FORWARDED: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];
const FORWARDED_FOR: &str = "x-forwarded-for";
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl Door {
    /// Refuses what was not meant for us, or comes from somebody else's web page.
    pub fn must_be_ours(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
        if hosts.next().is_some() || !self.is_ours(host) {
            return Err(not_ours(
                "the header `Host` names another host than this one: call the address that `viaduct \
                 serve` says, or start it with `--host NAME` for the name of what stands in front",
            ));
        }
        for origin in headers.get_all(header::ORIGIN) {
            let origin = origin.to_str().unwrap_or_default();
            let host = origin.split_once("://").map_or("", |(_, host)| host);
            if !self.is_ours(host) {
                return Err(not_ours(
                    "the header `Origin` names somebody else's web page: the API is for programs",
                ));
            }
        }
        let another = |site: &str| !["none", "same-origin"].contains(&site);
        if headers.get_all(SITE).iter().any(|site| site.to_str().map_or(true, another)) {
            return Err(not_ours("a web page of another site asks: the API is for programs"));
        }
        Ok(())
    }

    /// Whose address a call comes from. What stands in front and is trusted says it as the last of
    /// `X-Forwarded-For`: what stands before that anybody may have written. Whatever else calls is who it is.
    pub fn caller_address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if self.fronts.is_empty() || !grant::is_within(&self.fronts, &peer.to_string()) {
            return peer;
        }
        let last = headers.get_all(FORWARDED_FOR).iter().next_back();
        let last = last.and_then(|line| line.to_str().ok()?.rsplit(',').next());
        let told = last.and_then(|told| {
            let told = told.trim();
            let bare = told.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let alone = bare.unwrap_or(told).parse::<IpAddr>().ok();
            alone.or_else(|| told.parse::<SocketAddr>().ok().map(|told| told.ip()))
        });
        told.map_or(peer, |told| told.to_canonical())
    }

    /// Names can be made to lead here by whoever owns them, addresses cannot.
    pub fn is_ours(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
            _ => (host.as_str(), Some(80)),
        };
        if self.names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return port.is_some();
        }
        if port != Some(self.listening.port()) {
            return false;
        }
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let Ok(address) = bare.parse::<IpAddr>() else { return name == "localhost" };
        let ours = self.listening.ip();
        address == ours || address.is_loopback() || ours.is_unspecified()
    }

    /// Who calls. With keys as they are remembered it may have been revoked: whoever does what is asked looks.
    pub async fn caller(
        &self,
        hub: &dyn Hub,
        headers: &HeaderMap,
        peer: IpAddr,
        keys: Keys,
    ) -> Result<Caller, Problem> {
        let mut shown = headers.get_all(header::AUTHORIZATION).iter();
        let Some(shown_first) = shown.next() else {
            return self.without_key(hub, headers, peer).await;
        };
        let bearer = |text: &str| {
            let (scheme, key) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
        };
        let key = shown_first.to_str().ok().and_then(bearer).filter(|_| shown.next().is_none());
        let key = key.ok_or_else(|| no_key("write the key as `Authorization: Bearer hub_…`"))?;
        let key = Key::read(&key).map_err(|fault| match fault {
            NoKey::Shape => no_key("what was shown is not written as a key is: `hub_…`"),
            NoKey::Check => no_key("a character of the key is wrong: copy it once more"),
        })?;
        let known = self.keyring.find(hub.database(), key.id(), keys).await.map_err(unavailable)?;
        let known = known.as_ref().filter(|known| key.is_of(&known.digest));
        let known =
            known.ok_or_else(|| no_key("the key is not known here: see `viaduct keys list`"))?;
        let grant = known.grant.as_ref().ok_or_else(|| {
            tracing::error!(key.id = known.id, "the networks of a key cannot be read");
            no_key("the key's networks cannot be read: revoke it, and have another made")
        })?;
        match grant.opens(IpNet::from(peer), hub.clock().now_ms()) {
            Ok(()) => Ok(Caller {
                actor: grant.actor(),
                scopes: grant.scopes.clone(),
                key: Some(known.id),
                within: Within::default(),
            }),
            Err(Shut::Revoked) => Err(revoked()),
            Err(Shut::Expired) => {
                Err(no_key("the key's time is over: have another made with `viaduct keys add`"))
            }
            Err(Shut::Network) => Err(Problem::new(
                Kind::NotAllowed,
                "the key is not for the network that this call comes from: see `viaduct keys list`",
            )),
        }
    }

    /// Only from this machine, only while no keys are in use, and only where nothing stands in front of us: whoever
    /// that lets through comes from this machine too, and it need not say so.
    async fn without_key(
        &self,
        hub: &dyn Hub,
        headers: &HeaderMap,
        peer: IpAddr,
    ) -> Result<Caller, Problem> {
        let forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
        let from_here = self.listening.ip().is_loopback() && peer.is_loopback() && !forwarded;
        if !from_here {
            return Err(no_key(
                "without a key the API answers this machine alone: make one with `viaduct keys add`, and \
                 send it as `Authorization: Bearer hub_…`",
            ));
        }
        if !self.names.is_empty() {
            return Err(no_key(
                "something stands in front of this hub (`--host`), so every call needs a key: make one with \
                 `viaduct keys add`, and send it as `Authorization: Bearer hub_…`",
            ));
        }
        if keys::any_in_use(hub.database()).await.map_err(unavailable)? {
            return Err(no_key(
                "keys are in use, so every call needs one: send it as `Authorization: Bearer hub_…`",
            ));
        }
        Ok(Caller {
            actor: Actor::local(),
            scopes: Scopes::all(),
            key: None,
            within: Within::default(),
        })
    }
}

/// A key that opens nothing any more.
pub fn revoked() -> Problem {
    no_key("the key was revoked: use the one that took its place")
}

fn no_key(detail: &str) -> Problem {
    Problem::new(Kind::NoKey, detail)
}

fn not_ours(detail: &str) -> Problem {
    Problem::new(Kind::NotOurs, detail)
}

/// The database did not say: nobody is let in for that.
fn unavailable(error: StoreError) -> Problem {
    tracing::error!(%error, "it cannot be seen whether a caller may come in");
    Problem::new(Kind::Unavailable, "keys cannot be looked at now: try again in a moment").again(5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_who_a_trusted_front_says_last_and_nobody_else_says_so() {
        let door = Door {
            listening: "127.0.0.1:8480".parse().unwrap(),
            names: vec![],
            fronts: "10.1.0.5/32,::1/128".to_owned(),
            keyring: Keyring::default(),
        };
        let from = |peer: &str, said: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for said in said {
                headers.append("x-forwarded-for", said.parse().unwrap());
            }
            door.caller_address(peer.parse().unwrap(), &headers).to_string()
        };
        for (peer, said, wanted) in [
            ("10.1.0.5", vec!["192.0.2.7"], "192.0.2.7"),
            // What a caller wrote of itself stands before.
            ("10.1.0.5", vec!["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
            ("10.1.0.5", vec!["198.51.100.1", "192.0.2.7"], "192.0.2.7"),
            ("::ffff:10.1.0.5", vec!["192.0.2.7:4711"], "192.0.2.7"),
            ("::1", vec!["[2001:db8::7]"], "2001:db8::7"),
            ("10.1.0.5", vec!["::ffff:192.0.2.7"], "192.0.2.7"),
            ("10.1.0.5", vec![], "10.1.0.5"),
            ("10.1.0.5", vec!["192.0.2.7, unknown"], "10.1.0.5"),
            // B61: who is not trusted says nothing.
            ("10.1.0.6", vec!["192.0.2.7"], "10.1.0.6"),
        ] {
            assert_eq!(from(peer, &said), wanted, "{peer} {said:?}");
        }
        let open = Door { fronts: String::new(), ..door.clone() };
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "192.0.2.7".parse().unwrap());
        let nobody = open.caller_address("10.1.0.5".parse().unwrap(), &headers);
        assert_eq!(nobody.to_string(), "10.1.0.5");
    }

    #[test]
    fn only_our_own_addresses_and_names_are_ours() {
        let door = |listening: &str| Door {
            listening: listening.parse().unwrap(),
            names: vec!["hub.example.gov.uk".to_owned()],
            fronts: String::new(),
            keyring: Keyring::default(),
        };
        let loopback = ["127.0.0.1:8480", "localhost:8480", "LOCALHOST:8480", "[::1]:8480"];
        let named = ["hub.example.gov.uk", "Hub.Example.gov.uk:443"];
        let never = [
            "",
            "evil.example",
            "evil.example:8480",
            "localhost.evil.example:8480",
            "127.0.0.1.evil.example:8480",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.0.0.1:8480:8480",
            "127.0.0.1:8480@evil.example",
            "hub.example.gov.uk.evil.example",
            "hub.example.gov.uk:x",
        ];
        for (listening, more, not) in [
            ("127.0.0.1:8480", vec![], vec!["10.1.2.3:8480"]),
            ("10.1.2.3:8480", vec!["10.1.2.3:8480"], vec!["10.1.2.4:8480"]),
            ("0.0.0.0:8480", vec!["10.1.2.3:8480"], vec!["10.1.2.3:9"]),
        ] {
            let door = door(listening);
            for host in loopback.iter().chain(&named).chain(&more) {
                assert!(door.is_ours(host), "{listening}: {host}");
            }
            for host in never.iter().chain(&not) {
                assert!(!door.is_ours(host), "{listening}: {host}");
            }
        }
    }
}
