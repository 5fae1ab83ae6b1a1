//! A small provider of the tests' own: it speaks OpenID Connect over HTTP, lets everybody in at once, and says of them
//! what a test wants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

pub const TENANT: &str = "5f0c6b0e-0000-4000-8000-000000000001";
pub const CLIENT: &str = "viaduct-desk";
/// With what needs encoding in it.
pub const SECRET: &str = "desk&secret=1";

type Words = HashMap<String, String>;
/// What a test makes of the head and the claims of a token.
type Twist = Arc<dyn Fn(&mut Value, &mut Value) + Send + Sync>;

/// How its tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    Well,
    Not,
    /// With what everybody knows of the key as a secret.
    ByPublicKey,
}

struct Book {
    url: String,
    pair: RsaKeyPair,
    kid: String,
    now_s: i64,
    /// What was asked for, by the code that was given for it.
    codes: HashMap<String, Words>,
    given: u32,
    twist: Twist,
    signed: Signed,
    /// It answers nothing but this.
    down: Option<StatusCode>,
    by_header: bool,
    /// Tokens that were given.
    tokens: u32,
}

/// The provider, listening.
#[derive(Clone)]
pub struct StandIn(Arc<Mutex<Book>>);

impl StandIn {
    pub async fn open(now_ms: i64) -> StandIn {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let kept = include_bytes!("../../fixtures/open_id/signing.der");
        let book = Book {
            url,
            pair: RsaKeyPair::from_pkcs8(kept).unwrap(),
            kid: "key-1".to_owned(),
            now_s: now_ms / 1_000,
            codes: HashMap::new(),
            given: 0,
            twist: Arc::new(|_, _| {}),
            signed: Signed::Well,
            down: None,
            by_header: false,
            tokens: 0,
        };
        let stand_in = StandIn(Arc::new(Mutex::new(book)));
        let router = Router::new()
            .route("/t1/v2.0/.well-known/openid-configuration", get(configuration))
            .route("/t1/authorize", get(authorise))
            .route("/t1/token", post(token))
            .route("/t1/keys", get(keys))
            .with_state(stand_in.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        stand_in
    }

    fn with<T>(&self, look: impl FnOnce(&mut Book) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    pub fn issuer(&self) -> String {
        self.with(|book| format!("{}/t1/v2.0", book.url))
    }

    pub fn host(&self) -> String {
        self.with(|book| book.url.replace("http://", ""))
    }

    pub fn says(&self, twist: impl Fn(&mut Value, &mut Value) + Send + Sync + 'static) {
        self.with(|book| book.twist = Arc::new(twist));
    }

    pub fn signs(&self, signed: Signed) {
        self.with(|book| book.signed = signed);
    }

    pub fn names_its_key(&self, kid: &str) {
        self.with(|book| book.kid = kid.to_owned());
    }

    pub fn is_down(&self, status: Option<StatusCode>) {
        self.with(|book| book.down = status);
    }

    pub fn wants_the_secret_in_a_header(&self) {
        self.with(|book| book.by_header = true);
    }

    pub fn tokens(&self) -> u32 {
        self.with(|book| book.tokens)
    }
}

async fn configuration(State(stand_in): State<StandIn>) -> Response {
    let issuer = stand_in.issuer();
    stand_in.with(|book| {
        if let Some(status) = book.down {
            return status.into_response();
        }
        let way = if book.by_header { "client_secret_basic" } else { "client_secret_post" };
        let url = &book.url;
        let said = json!({
            "issuer": issuer, "authorization_endpoint": format!("{url}/t1/authorize"),
            "token_endpoint": format!("{url}/t1/token"), "jwks_uri": format!("{url}/t1/keys"),
            "token_endpoint_auth_methods_supported": [way],
        });
        axum::Json(said).into_response()
    })
}

async fn keys(State(stand_in): State<StandIn>) -> Response {
    stand_in.with(|book| {
        let parts: PublicKeyComponents<Vec<u8>> = book.pair.public().into();
        let (n, e) = (URL_SAFE_NO_PAD.encode(parts.n), URL_SAFE_NO_PAD.encode(parts.e));
        let key = json!({ "kty": "RSA", "use": "sig", "kid": book.kid, "n": n, "e": e });
        axum::Json(json!({ "keys": [key] })).into_response()
    })
}

async fn authorise(State(stand_in): State<StandIn>, Query(asked): Query<Words>) -> Redirect {
    assert_eq!(asked["response_type"], "code");
    assert_eq!(asked["client_id"], CLIENT);
    assert_eq!(asked["code_challenge_method"], "S256");
    assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
    let code = stand_in.with(|book| {
        book.given += 1;
        let code = format!("code-{}", book.given);
        book.codes.insert(code.clone(), asked.clone());
        code
    });
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("code", &code).append_pair("state", &asked["state"]);
    Redirect::to(&format!("{}?{}", asked["redirect_uri"], query.finish()))
}

async fn token(
    State(stand_in): State<StandIn>,
    headers: axum::http::HeaderMap,
    body: String,
) -> Response {
    let form: Words = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let issuer = stand_in.issuer();
    stand_in.with(|book| {
        let shown = headers.get("authorization").and_then(|value| value.to_str().ok());
        let basic = "Basic dmlhZHVjdC1kZXNrOmRlc2slMjZzZWNyZXQlM0Qx";
        let known = match book.by_header {
            true => shown == Some(basic) && !form.contains_key("client_secret"),
            false => shown.is_none() && form.get("client_secret").is_some_and(|s| s == SECRET),
        };
        let refused = |status: StatusCode, error: &str| {
            (status, axum::Json(json!({ "error": error }))).into_response()
        };
        if !known {
            return refused(StatusCode::UNAUTHORIZED, "invalid_client");
        }
        // A code is good once, for whoever has what it was asked for with.
        let Some(asked) = book.codes.remove(&form["code"]) else {
            return refused(StatusCode::BAD_REQUEST, "invalid_grant");
        };
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
        if challenge != asked["code_challenge"] || form["redirect_uri"] != asked["redirect_uri"] {
            return refused(StatusCode::BAD_REQUEST, "invalid_grant");
        }
        book.tokens += 1;
        let mut head = json!({ "alg": "RS256", "typ": "JWT", "kid": book.kid });
        let mut claims = json!({
            "iss": issuer, "aud": CLIENT, "tid": TENANT, "nonce": asked["nonce"],
            "iat": book.now_s, "nbf": book.now_s, "exp": book.now_s + 3_600,
            "oid": "o-7", "sub": "pairwise", "amr": ["pwd", "mfa"], "roles": ["Viaduct.Support"],
            "preferred_username": "Kim.Bramble@example.gov.uk",
        });
        (book.twist)(&mut head, &mut claims);
        let token = written(book, &head, &claims);
        axum::Json(json!({ "token_type": "Bearer", "id_token": token })).into_response()
    })
}

fn written(book: &Book, head: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(head), part(claims));
    let by = match book.signed {
        Signed::Not => vec![],
        Signed::Well => {
            let mut by = vec![0; book.pair.public().modulus_len()];
            let random = SystemRandom::new();
            book.pair.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut by).unwrap();
            by
        }
        Signed::ByPublicKey => {
            let parts: PublicKeyComponents<Vec<u8>> = book.pair.public().into();
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &parts.n);
            ring::hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
        }
    };
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(by))
}
