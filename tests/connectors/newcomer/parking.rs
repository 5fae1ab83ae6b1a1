//! A system of parking permits: asked by HTTP for all of them, in one answer.

use std::sync::Arc;

use async_trait::async_trait;
use viaduct::connector::address::Place;
use viaduct::connector::answering::{self, Doing, unavailable};
use viaduct::connector::calling::{self, Auth, Login};
use viaduct::connector::channel::{Asked, ConnectorError, Extract, Origin, ReadEnd, Source, Taken};
use viaduct::connector::content;
use viaduct::connector::definition::{Kind, Limits, Now, Settings, Surroundings};
use viaduct::connector::ending;
use viaduct::connector::format::layout::Layout;
use viaduct::connector::format::{Format, RecordSink};
use viaduct::connector::http::{HttpClient, HttpLimits, Request};
use viaduct::definition::reader::Spanned;
use viaduct::definition::shape::{Key, key};
use viaduct::definition::table::Table;

pub const KIND: Kind = Kind {
    name: "parking",
    doc: "A system of parking permits, asked for all of them.",
    read: |settings, limits| Some(Arc::new(ParkingSettings::read(settings, limits)?)),
};

/// What a definition says. Every key is read with the words that describe it.
#[derive(Debug, Clone)]
struct ParkingSettings {
    url: Spanned<String>,
    allow: Vec<Spanned<String>>,
    auth: Option<Auth>,
    layout: Layout,
}

const URL: Key =
    key("url", "Where it is asked.").example("url = \"https://parking.example.com/permits\"");

impl ParkingSettings {
    fn read(settings: &Table<'_>, limits: &Limits) -> Option<ParkingSettings> {
        let url = settings.need_text(URL);
        let allow = settings.texts(calling::ALLOW).unwrap_or_default();
        let auth = calling::auth(settings);
        let layout = Layout::read(settings, limits.record_bytes_max as usize);
        if let Some(url) = &url {
            calling::judge(settings, url, &allow, Place::of);
        }
        Some(ParkingSettings { url: url?, allow, auth, layout: layout? })
    }

    fn open(&self, around: &Surroundings) -> Result<Parking, ConnectorError> {
        let url = around.expand(&self.url.value)?;
        let place = Place::of(&url).map_err(|fault| answering::forbidden(&fault))?;
        let mut places = vec![place];
        places.extend(calling::token_place(self.auth.as_ref(), around)?);
        let tls = calling::Tls::default();
        let http = calling::client(HttpLimits::default(), places, &self.allow, &tls, around)?;
        let login = Login::open(self.auth.as_ref(), around, &http)?;
        Ok(Parking { http, url, login, layout: self.layout.clone(), now: around.now.clone() })
    }
}

impl Settings for ParkingSettings {
    fn layout(&self) -> Option<&Layout> {
        Some(&self.layout)
    }

    fn extract(&self) -> Option<Extract> {
        Some(Extract::Full)
    }

    fn source(&self, around: &Surroundings) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        Some(self.open(around).map(|system| Arc::new(system) as Arc<dyn Source>))
    }
}

/// The system, open.
struct Parking {
    http: HttpClient,
    url: String,
    login: Login,
    layout: Layout,
    now: Now,
}

impl Parking {
    async fn ask(&self) -> Result<Vec<u8>, ConnectorError> {
        let request = Request { url: &self.url, ..Request::default() };
        let answered = self.login.call(&self.http, request).await?;
        let answer = answering::arrived(Doing::Asking, answered)?;
        match answer.status {
            200 => Ok(answer.body),
            401 | 403 => Err(ConnectorError::Unauthorised {
                code: "poll.key",
                cause: format!("it answered {}", answer.status),
            }),
            status => Err(unavailable(format!("it answered {status}"), None)),
        }
    }
}

#[async_trait]
impl Source for Parking {
    /// One question, unlike any before. What it is answered is so now: the same content once more is news.
    async fn look(&self, _: Option<&str>) -> Result<Vec<Origin>, ConnectorError> {
        let (name, mark) = ("all permits".to_owned(), format!("asked|{}", (self.now)()));
        Ok(vec![Origin { name, mark, bytes: 0, asked: Some(Asked { after: None }) }])
    }

    async fn read(
        &self,
        _: &Origin,
        sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        let body = match self.ask().await {
            Ok(body) => body,
            Err(error) => return (sink, Err(error)),
        };
        let (layout, mut sink) = (self.layout.clone(), sink);
        // Whoever takes the records may make us wait: not on a thread that others need.
        let work = tokio::task::spawn_blocking(move || {
            let cut = layout.cut(&mut &body[..], "the answer", &mut *sink);
            let end =
                cut.map_err(|error| ending::cut_off(error, "the answer")).map(|cut| ReadEnd {
                    totals: cut.totals,
                    content_digest: content::hexadecimal(&body),
                    ..ReadEnd::default()
                });
            (sink, end)
        });
        let (sink, end) = work.await.expect("the cutting does not panic");
        ending::finished(sink, end).await
    }

    async fn acknowledge(&self, _: &Origin, _: Taken) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn format(&self) -> &dyn Format {
        &*self.layout.format
    }

    fn extract(&self) -> Extract {
        Extract::Full
    }
}
