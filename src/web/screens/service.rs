//! The screens over HTTP: finds out who asks, whether they may and whether a form is one of theirs, and answers
//! with a page. Bodies, times and guesses at passwords are bounded. Of a request the log has its route, its
//! status and its person, and none of its words.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{ConnectInfo, MatchedPath, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use tokio::sync::Semaphore;

use super::assets;
use super::pages;
use super::routes::{self, ROUTES, Route, View};
use super::session::{self, SEEN_EACH_MS, Who, Window, digest_of};
use super::table::disposition;
use super::visit::{Answer, Frame, Reply, Trouble, Visit, Words};
use crate::access::right::Right;
use crate::store::sessions;
use crate::web::api::Hub;
use crate::web::api::door::Door;
use crate::web::api::limits::{Limits, Rate};
use crate::web::body;
use crate::web::request::Numbered;

const BODY_BYTES_MAX: usize = 256 << 10;
const PATIENCE: Duration = Duration::from_secs(30);
/// Guesses at one name, whoever makes them and whether anybody has it: five, and one more each half minute.
const GUESSES_OF_NAME: Rate = Rate { at_once: 5, each_ms: 30_000 };
/// Guesses from one address.
const GUESSES_FROM: Rate = Rate { at_once: 20, each_ms: 10_000 };
/// Browsers that are sent to the provider, and come back: each costs a call or two.
const WAYS_FROM: Rate = Rate { at_once: 60, each_ms: 1_000 };
/// That somebody guesses is told to the log so often.
const ALERTS: Rate = Rate { at_once: 1, each_ms: 60_000 };
/// Passwords that are looked at together: each takes 19 MiB.
const HASHING: usize = 2;

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const LIVE: HeaderName = HeaderName::from_static("x-live");

/// What the screens work with.
pub struct Screens {
    pub hub: Arc<dyn Hub>,
    pub door: Door,
    pub guesses_of_name: Limits<String>,
    pub guesses_from: Limits<IpAddr>,
    pub ways_from: Limits<IpAddr>,
    pub alerts: Limits<()>,
    pub hashing: Semaphore,
}

/// Every page there is, and the one for those that are not.
pub fn router(hub: Arc<dyn Hub>, door: Door) -> Router {
    let screens = Arc::new(Screens {
        hub,
        door,
        guesses_of_name: Limits::new(GUESSES_OF_NAME),
        guesses_from: Limits::new(GUESSES_FROM),
        ways_from: Limits::new(WAYS_FROM),
        alerts: Limits::new(ALERTS),
        hashing: Semaphore::new(HASHING),
    });
    let routes = routes::paths()
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, any(answer)));
    routes.route("/assets/{name}", get(asset)).fallback(nowhere).with_state(screens)
}

async fn asset(request: Request) -> Response {
    match assets::find(request.uri().path()) {
        Some(asset) => {
            let mut response =
                ([(header::CONTENT_TYPE, asset.kind)], asset.content.as_str()).into_response();
            let headers = response.headers_mut();
            guard(headers, false);
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(assets::KEPT));
            response
        }
        None => {
            let mut response = StatusCode::NOT_FOUND.into_response();
            guard(response.headers_mut(), false);
            response
        }
    }
}

async fn nowhere(
    State(screens): State<Arc<Screens>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let path = request.uri().path().to_owned();
    let (parts, _) = request.into_parts();
    let is_secure = screens.is_secure(&parts.headers);
    let now_ms = screens.hub.clock().now_ms();
    let who = screens.who(&parts.headers, is_secure, now_ms).await.unwrap_or_default();
    let peer = screens.door.caller_address(peer.ip(), &parts.headers);
    let visit = Visit {
        screens,
        view: View::Help,
        path,
        id: String::new(),
        query: Words::default(),
        form: Words::default(),
        who,
        way: None,
        peer,
        is_secure,
        now_ms,
        alerts: Vec::new(),
    };
    let html = problem(&visit, &Trouble::NotThere(String::new()), "");
    let mut response = html.into_response();
    guard(response.headers_mut(), is_secure);
    response
}

async fn answer(
    State(screens): State<Arc<Screens>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    path: MatchedPath,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    let numbered = Numbered::begin();
    let (parts, body) = request.into_parts();
    let param = params.as_ref().ok().and_then(|params| params.iter().next());
    let param = param.map(|(_, value)| value.to_owned()).unwrap_or_default();
    let is_secure = screens.is_secure(&parts.headers);
    let now_ms = screens.hub.clock().now_ms();
    let matched = path.as_str().to_owned();
    let method = if parts.method == Method::HEAD { Method::GET } else { parts.method.clone() };
    let route =
        ROUTES.iter().find(|route| route.path == matched && route.method == method.as_str());
    let mut visit = Visit {
        screens: Arc::clone(&screens),
        view: route.map_or(View::Help, |route| route.view),
        path: parts.uri.path().to_owned(),
        id: param,
        query: Words::default(),
        form: Words::default(),
        who: None,
        way: session::way(&parts.headers, is_secure),
        peer: screens.door.caller_address(peer.ip(), &parts.headers),
        is_secure,
        now_ms,
        alerts: Vec::new(),
    };
    let is_live = parts.headers.contains_key(LIVE);
    let done = perform(&mut visit, route, &parts, body).await;
    let mut response = match done {
        Ok(reply) => replied(reply, &parts.headers),
        Err(Trouble::NotSignedIn) if parts.method == Method::GET && !is_live => {
            let next = parts.uri.path_and_query().map_or("/", |path| path.as_str());
            let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            goes_to(&format!("/sign-in?next={next}"))
        }
        Err(trouble) => problem(&visit, &trouble, &numbered.id).into_response(),
    };
    if route.is_none()
        && let Ok(allow) = HeaderValue::from_str(&methods(&matched))
    {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(header::ALLOW, allow);
    }
    guard(response.headers_mut(), is_secure);
    let response = numbered.on(response);
    tracing::info!(
        request.id = numbered.id,
        http.route = matched,
        http.method = %parts.method,
        http.status = response.status().as_u16(),
        actor = visit.who.as_ref().map(|who| who.actor().to_string()),
        duration_ms = numbered.took_ms(),
        "a page was answered"
    );
    response
}

fn methods(path: &str) -> String {
    let of: Vec<&str> =
        ROUTES.iter().filter(|route| route.path == path).map(|route| route.method).collect();
    of.join(", ")
}

async fn perform(
    visit: &mut Visit,
    route: Option<&'static Route>,
    parts: &Parts,
    body: Body,
) -> Answer {
    let screens = Arc::clone(&visit.screens);
    let Some(route) = route else {
        return Err(Trouble::NotThere("This address is not opened like that.".to_owned()));
    };
    let hosts: Vec<&HeaderValue> = parts.headers.get_all(header::HOST).iter().collect();
    let host = hosts.first().and_then(|host| host.to_str().ok()).unwrap_or_default();
    if hosts.len() != 1 || !screens.door.is_ours(host) {
        let what =
            "The address is not one of ours. Open the address that your administrator gave you.";
        return Err(Trouble::NotAllowed(what.to_owned()));
    }
    let is_live = parts.headers.contains_key(LIVE);
    visit.who = screens.who(&parts.headers, visit.is_secure, visit.now_ms).await?;
    visit.query = Words::read(parts.uri.query().unwrap_or_default().as_bytes())
        .ok_or_else(|| Trouble::Words("The address has too many words.".to_owned()))?;
    if route.method == "POST" {
        must_be_from_our_page(&screens.door, &parts.headers)?;
    }
    if let Some(right) = route.right {
        let who = visit.who()?;
        if !who.roles.may(right) {
            return Err(Trouble::NotAllowed(format!(
                "This needs the right to {}, which your role does not have. Ask an administrator if you need it.",
                right.says()
            )));
        }
        if !is_live {
            screens.was_seen(who, visit.now_ms).await?;
        }
    }
    if route.method == "POST" {
        visit.form = form(&parts.headers, body).await?;
        if route.right.is_some() && !visit.who()?.sent(visit.form.one("token")) {
            let what = "This form is not one of your session's. Go back, load the page again, and send it from there.";
            return Err(Trouble::NotAllowed(what.to_owned()));
        }
    }
    let answered = async {
        if route.view == View::Health && visit.may(Right::Alerts) {
            visit.alerts = pages::alerts::waiting(visit).await?;
        }
        pages::answer(visit).await
    };
    match tokio::time::timeout(PATIENCE, answered).await {
        Ok(answer) => answer,
        Err(_) => Err(Trouble::Unavailable),
    }
}

/// A form that was sent by another site's page has its Origin, or says that it is another site's.
fn must_be_from_our_page(door: &Door, headers: &HeaderMap) -> Result<(), Trouble> {
    let theirs = || {
        let what = "This did not come from one of our own pages, so nothing was done.";
        Err(Trouble::NotAllowed(what.to_owned()))
    };
    let mut told = false;
    for origin in headers.get_all(header::ORIGIN) {
        let host =
            origin.to_str().unwrap_or_default().split_once("://").map_or("", |(_, host)| host);
        if !door.is_ours(host) {
            return theirs();
        }
        told = true;
    }
    for site in headers.get_all(SITE) {
        if site != "same-origin" {
            return theirs();
        }
        told = true;
    }
    // Every browser tells one of them when a form is sent.
    if told { Ok(()) } else { theirs() }
}

async fn form(headers: &HeaderMap, body: Body) -> Result<Words, Trouble> {
    if body::kind(headers) != "application/x-www-form-urlencoded" {
        return Err(Trouble::Words("What was sent is not a form of ours.".to_owned()));
    }
    let words = "What was sent is too large.";
    let bytes = body::whole(headers, body, BODY_BYTES_MAX, words).await?;
    let many =
        "Too many things were chosen at once: choose 1,000 at most, or everything of a cause.";
    Words::read(&bytes).ok_or_else(|| Trouble::Words(many.to_owned()))
}

impl Screens {
    /// Whether we are reached under a name that was given for what stands in front, which has https.
    fn is_secure(&self, headers: &HeaderMap) -> bool {
        let host =
            headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        self.door.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    async fn who(
        &self,
        headers: &HeaderMap,
        is_secure: bool,
        now_ms: i64,
    ) -> Result<Option<Who>, Trouble> {
        let Some(token) = session::shown(headers, is_secure) else { return Ok(None) };
        let window = Window::at(now_ms).after();
        let found = sessions::find(self.hub.database(), &digest_of(&token), window).await?;
        Ok(found.map(Who::of))
    }

    async fn was_seen(&self, who: &Who, now_ms: i64) -> Result<(), Trouble> {
        if now_ms - who.session.seen_ms < SEEN_EACH_MS {
            return Ok(());
        }
        Ok(sessions::seen(self.hub.database(), &who.session.digest, now_ms).await?)
    }

    /// That somebody may be guessing, once a minute at most.
    pub fn alert(&self, now_ms: i64) {
        if self.alerts.take((), now_ms).is_ok() {
            tracing::error!(
                "many sign-ins are refused: somebody may be guessing passwords. They are slowed down"
            );
        }
    }
}

fn replied(reply: Reply, headers: &HeaderMap) -> Response {
    match reply {
        Reply::Page(status, html) => {
            let tag = format!("\"{}\"", &digest_of(&html)[..24]);
            let same = headers
                .get(header::IF_NONE_MATCH)
                .is_some_and(|seen| seen.as_bytes() == tag.as_bytes());
            let mut response = match same && status == 200 {
                true => StatusCode::NOT_MODIFIED.into_response(),
                false => paged(status, html),
            };
            if let Ok(tag) = HeaderValue::from_str(&tag) {
                response.headers_mut().insert(header::ETAG, tag);
            }
            response
        }
        Reply::GoTo(to) => goes_to(&to),
        Reply::File(name, content) => filed(&name, content),
        Reply::With(cookies, to) => with_cookies(goes_to(&to), cookies),
        Reply::PageWith(cookies, status, html) => with_cookies(paged(status, html), cookies),
    }
}

fn filed(name: &str, content: String) -> Response {
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    let mut response = ([(header::CONTENT_TYPE, kind)], content).into_response();
    if let Ok(called) = HeaderValue::from_str(&disposition(name)) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, called);
    }
    response
}

fn with_cookies(mut response: Response, cookies: Vec<HeaderValue>) -> Response {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn paged(status: u16, html: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}

fn goes_to(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(to) => (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A page that says what is the matter, and what to do.
#[derive(Template)]
#[template(path = "pages/problem.html")]
struct Problem {
    frame: Frame,
    says: String,
    todo: &'static str,
    request: String,
}

fn problem(visit: &Visit, trouble: &Trouble, request: &str) -> Response {
    let (status, title, says, todo) = match trouble {
        Trouble::NotSignedIn => (
            401,
            "Sign in again",
            "Your session is over, so nothing was done.",
            "Sign in, and do it once more.",
        ),
        Trouble::NotAllowed(says) => (403, "You cannot do this", says.as_str(), ""),
        Trouble::NotThere(says) => (
            404,
            "Page not found",
            says.as_str(),
            "Check the address, or start from the navigation.",
        ),
        Trouble::Words(says) => (
            400,
            "Something is missing",
            says.as_str(),
            "Go back, put it right, and send it again.",
        ),
        Trouble::Stands(says) => {
            (409, "It changed meanwhile", says.as_str(), "Go back and look how it stands now.")
        }
        Trouble::TooOften(_) => (
            429,
            "Too many attempts",
            "You or somebody else tried this too often.",
            "Wait a few minutes, and try again.",
        ),
        Trouble::Unavailable => (
            503,
            "The service is not available now",
            "Its database did not answer in time.",
            "Try again in a minute. If it goes on, tell whoever looks after this service.",
        ),
        Trouble::Broken => (
            500,
            "There is a problem with the service",
            "Something of ours went wrong.",
            "Try again later. If it goes on, tell whoever looks after this service the number below.",
        ),
    };
    let page = Problem {
        frame: visit.frame(title),
        says: says.to_owned(),
        todo,
        request: request.to_owned(),
    };
    let mut response = match page.render() {
        Ok(html) => paged(status, html),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    if let Trouble::TooOften(seconds) = trouble {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    response
}

/// The headers of every answer.
fn guard(headers: &mut HeaderMap, is_secure: bool) {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                          font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
                          frame-ancestors 'none'";
    let same = "same-origin";
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, same),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), same),
        (HeaderName::from_static("cross-origin-resource-policy"), same),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_secure {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}
