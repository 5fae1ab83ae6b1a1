//! P2: lists that are kept under a name. They stand as links above their list.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::filtering::way;
use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Reply, Trouble, Visit};

#[derive(Deserialize)]
pub struct View {
    pub id: i64,
    pub name: String,
    pub shared: bool,
    pub by: String,
    is_own: bool,
    filter: Map<String, Value>,
}

/// Those of a list, and what may be done with them.
pub struct Views {
    /// `work-orders`, `messages`
    pub list: &'static str,
    path: &'static str,
    pub all: Vec<View>,
    /// The words of the list as it is looked at, which a new one would keep.
    pub pairs: Vec<(String, String)>,
    pub may_share: bool,
    is_lead: bool,
}

/// Where each list stands.
const LISTS: [(&str, &str); 2] = [("work-orders", "/work-orders"), ("messages", "/deliveries")];

impl Views {
    pub async fn of(
        visit: &Visit,
        list: &'static str,
        pairs: &[(String, String)],
    ) -> Result<Views, Trouble> {
        let all = visit.ask(Verb::Views, "", &format!("list={list}")).await?;
        Ok(Views {
            list,
            path: path_of(list),
            all,
            pairs: pairs.to_vec(),
            may_share: visit.may(Right::Act),
            is_lead: visit.may(Right::Decide),
        })
    }

    pub fn href(&self, view: &View) -> String {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let words: Vec<(String, String)> =
            view.filter.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        let pairs: Vec<(&str, &str)> =
            words.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        way(self.path, &pairs)
    }

    pub fn may_remove(&self, view: &View) -> bool {
        view.is_own || (view.shared && self.is_lead)
    }

    pub fn removable(&self) -> bool {
        self.all.iter().any(|view| self.may_remove(view))
    }
}

fn path_of(list: &str) -> &'static str {
    LISTS.iter().find(|(word, _)| *word == list).map_or("/work-orders", |(_, path)| path)
}

/// Keeps what is looked at under a name.
pub async fn keep(visit: &Visit) -> Answer {
    let form = &visit.form;
    let mut filter = Map::new();
    for name in ["state", "source", "destination", "code", "from", "until", "order"] {
        if let Some(value) = form.some(name) {
            filter.insert(name.to_owned(), json!(value));
        }
    }
    for name in ["batch", "older_than"] {
        if let Some(value) = form.some(name) {
            let number: i64 = value.parse().map_err(|_| {
                Trouble::Words("A number of a file or of days is not one".to_owned())
            })?;
            filter.insert(name.to_owned(), json!(number));
        }
    }
    let asked = json!({
        "list": form.one("list"), "name": form.one("name"), "filter": filter,
        "shared": form.one("shared") == "yes",
    });
    let view: View = visit.act(Verb::KeepView, "", asked).await?;
    let list = form.one("list");
    let pairs = view.filter.iter().map(|(name, value)| {
        (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    });
    let pairs: Vec<(String, String)> = pairs.collect();
    let mut pairs: Vec<(&str, &str)> =
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    pairs.push(("done", "view-kept"));
    Ok(Reply::GoTo(way(path_of(list), &pairs)))
}

/// Has one no more.
pub async fn remove(visit: &Visit) -> Answer {
    let removed: Value = visit.act(Verb::RemoveView, &visit.id, json!({})).await?;
    let list = removed["list"].as_str().unwrap_or_default();
    Ok(Reply::GoTo(format!("{}?done=view-removed", path_of(list))))
}
