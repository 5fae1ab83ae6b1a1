//! Serves the pages and the API over HTTP, with headers that leave a browser nothing to run and nothing to keep. TLS
//! and the outside address are the business of whatever stands in front.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::api::Hub;
use super::api::door::{Door, InFront};
use super::api::keyring::Keyring;
use super::api::service;
use super::health;
use super::inbound::{self, Reception};
use super::page::{Page, STYLE};
use super::pay::{self, Answer, Desk};
use super::screens;

type App = State<Arc<dyn Desk>>;

/// A port that is ours.
pub struct Listening {
    listener: TcpListener,
    pub address: SocketAddr,
}

impl Listening {
    /// Takes the port; 0 takes any that is free.
    pub async fn on(address: SocketAddr) -> io::Result<Listening> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Listening { listener, address })
    }

    /// `http://127.0.0.1:8480`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves the pages until what is given back is aborted.
    pub fn serve(self, desk: Arc<dyn Desk>) -> JoinHandle<()> {
        self.keep_serving(router(desk))
    }

    /// The same with the API and the screens.
    pub fn serve_with_api(
        self,
        desk: Arc<dyn Desk>,
        hub: Arc<dyn Hub>,
        reception: Arc<dyn Reception>,
        in_front: impl Into<InFront>,
    ) -> JoinHandle<()> {
        let InFront { names, fronts } = in_front.into();
        let (fronts, keyring) = (fronts.join(","), Keyring::default());
        let door = Door { listening: self.address, names, fronts, keyring };
        let screens = screens::service::router(Arc::clone(&hub), door.clone());
        let doors = inbound::router(reception, Arc::clone(&hub), door.clone());
        let api = service::router(Arc::clone(&hub), door).merge(health::router(hub));
        let api = api.layer(middleware::from_fn(guarded));
        self.keep_serving(payers(desk).merge(api).merge(doors).merge(screens))
    }

    fn keep_serving(self, router: Router) -> JoinHandle<()> {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move {
            if let Err(error) = axum::serve(self.listener, service).await {
                tracing::error!(%error, "nothing is served over HTTP any more");
            }
        })
    }
}

/// Every page of payers, and one for what is none.
pub fn router(desk: Arc<dyn Desk>) -> Router {
    let nowhere = Router::new().fallback(|| async { shown(&Page::NotFound) });
    payers(desk).merge(nowhere.layer(middleware::from_fn(guarded)))
}

fn payers(desk: Arc<dyn Desk>) -> Router {
    Router::new()
        .route("/pay/style.css", get(style))
        // A browser that only asks whether there is such a page makes no payment.
        .route("/pay/{token}", get(open).head(look))
        .layer(middleware::from_fn(guarded))
        .with_state(desk)
}

async fn open(State(desk): App, Path(token): Path<String>) -> Response {
    match pay::open(&*desk, &token).await {
        Ok(Answer::GoTo(url)) => redirect(&url),
        // Beside this page, wherever that is seen from outside.
        Ok(Answer::Newer(token)) => redirect(&token),
        Ok(Answer::Show(page)) => shown(&page),
        Err(error) => {
            tracing::error!(%error, "a payment link could not be opened");
            shown(&Page::Broken)
        }
    }
}

async fn look(State(desk): App, Path(token): Path<String>) -> StatusCode {
    match pay::is_there(&*desk, &token).await {
        Ok(true) => StatusCode::OK,
        Ok(false) => StatusCode::NOT_FOUND,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

fn shown(page: &Page) -> Response {
    let (status, again_s) = page.status();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Html(page.html())).into_response();
    if let Some(seconds) = again_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn redirect(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(to) => (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response(),
        Err(_) => shown(&Page::Broken),
    }
}

/// The headers of every answer.
async fn guarded(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    guard(response.headers_mut());
    response
}

/// Leaves a browser nothing to run and nothing to keep.
pub fn guard(headers: &mut HeaderMap) {
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
                  frame-ancestors 'none'";
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
