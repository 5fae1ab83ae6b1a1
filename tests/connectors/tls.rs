//! A system whose certificate is signed by an authority of its own, and that asks for ours.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use viaduct::connector::address::{Allowed, Place, Reach};
use viaduct::connector::channel::ConnectorError;
use viaduct::connector::definition::Limits;
use viaduct::connector::definition::{Settings, Surroundings};
use viaduct::connector::http::{Certificates, HttpClient, HttpFault, HttpLimits, Request};
use viaduct::connector::http_poll::settings::HttpPollSettings;
use viaduct::definition::reader::File;
use viaduct::definition::secret::Secret;

/// Somebody who signs for others.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut about = CertificateParams::new(Vec::new()).expect("parameters");
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Authority(CertifiedIssuer::self_signed(about, key).expect("a certificate"))
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate and its key, for whoever has that name.
    fn signs(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let about = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        let key = KeyPair::generate().expect("a key");
        (about.signed_by(&key, &self.0).expect("a certificate"), key)
    }

    /// The same as one text.
    fn signs_pem(&self, name: &str) -> String {
        let (certificate, key) = self.signs(name);
        format!("{}{}", certificate.pem(), key.serialize_pem())
    }
}

/// Serves whoever shows a certificate of that authority, and gives the port.
async fn serve(theirs: &Authority, ours: &Authority) -> u16 {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(ours.0.der().clone()).expect("an authority");
    let asks = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&ring));
    let (certificate, key) = theirs.signs("127.0.0.1");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(asks.build().expect("a verifier"))
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut asked = [0; 4_096];
                let _ = stream.read(&mut asked).await;
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]";
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    port
}

/// Serves with a certificate that ran out on 1 March 2026; gives the port, and who signed it.
pub async fn ran_out() -> (u16, String) {
    let theirs = Authority::new();
    let mut about = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
    about.not_after = rcgen::date_time_ymd(2026, 3, 1);
    let key = KeyPair::generate().expect("a key");
    let certificate = about.signed_by(&key, &theirs.0).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move { acceptor.accept(stream).await.map(|_| ()) });
        }
    });
    (port, theirs.pem())
}

async fn asked(port: u16, certificates: Certificates) -> Result<u16, HttpFault> {
    let url = format!("https://127.0.0.1:{port}/tenancies");
    let place = Place::of(&url).expect("a place");
    let allow = vec![Allowed::parse(&format!("127.0.0.1:{port}")).expect("a host")];
    let lookup: viaduct::connector::address::Lookup =
        Arc::new(|_| Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) }));
    let reach = Reach { allow, own: Vec::new() };
    let limits = HttpLimits::default();
    let client = HttpClient::open_to(limits, vec![place], reach, lookup, &certificates)?;
    client.call(Request { url: &url, ..Request::default() }).await.map(|answer| answer.status)
}

#[tokio::test]
async fn an_authority_of_its_own_is_believed_and_ours_is_shown() {
    let (theirs, ours, other) = (Authority::new(), Authority::new(), Authority::new());
    let port = serve(&theirs, &ours).await;
    let secret = |pem: String| Some(Secret::new(pem));
    let good = || secret(ours.signs_pem("viaduct"));
    let both = Certificates { authority: secret(theirs.pem()), own: good() };
    assert_eq!(asked(port, both).await, Ok(200));
    for (authority, own, why) in [
        (None, good(), "nobody on this machine knows who signed"),
        (secret(other.pem()), good(), "somebody else signed"),
        (secret(theirs.pem()), None, "nothing is shown"),
        (secret(theirs.pem()), secret(other.signs_pem("viaduct")), "what is shown is not ours"),
    ] {
        let found = asked(port, Certificates { authority, own }).await;
        let kept_out = matches!(found, Err(HttpFault::NotReached(_) | HttpFault::NoAnswer(_)));
        assert!(kept_out, "{why}: {found:?}");
    }
    for (authority, own) in [(secret("no PEM".to_owned()), None), (None, secret(theirs.pem()))] {
        let found = asked(port, Certificates { authority, own }).await;
        assert!(matches!(found, Err(HttpFault::Certificate(_))), "{found:?}");
    }
}

#[test]
fn what_is_no_certificate_stops_the_connector() {
    let text = "[settings]\nurl = \"https://housing.example.com/\"\nformat = \"json\"\nrecord = \"/\"\n\
                key = \"ref\"\nextract = \"full\"\npaging = \"none\"\nclient_certificate = \"secret:OURS\"";
    let file = File::parse("connectors/housing.toml", text.to_owned());
    let table = file.root().table("settings").expect("a table");
    let settings = HttpPollSettings::read(&table, &Limits::default()).expect("settings");
    let around = Surroundings {
        variable: Arc::new(|_| Some("a password that somebody put in its place".to_owned())),
        now: Arc::new(|| 0),
        lookup: Arc::new(|_| Box::pin(async { Ok(Vec::new()) })),
        listening: Vec::new(),
        inbox: None,
    };
    let opened = settings.source(&around).expect("a source");
    match opened.err() {
        Some(ConnectorError::Unauthorised { code: "settings.certificate", cause }) => {
            assert_eq!(cause, "our own certificate, or its key, cannot be read as PEM");
        }
        other => panic!("{other:?}"),
    }
}
