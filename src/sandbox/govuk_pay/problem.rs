//! What the platform says when it refuses: one object with the first thing that is wrong, a code, and
//! where it is. 400 is for what is missing or of the wrong type, 422 for the right type with a bad value.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: u16,
    pub code: &'static str,
    pub description: String,
    /// The field of the body.
    pub field: Option<String>,
    pub header: Option<&'static str>,
}

impl Problem {
    pub fn new(status: u16, code: &'static str, description: impl Into<String>) -> Self {
        Problem { status, code, description: description.into(), field: None, header: None }
    }

    /// A field that is missing; null and blank are missing too.
    pub fn missing(code: &'static str, field: &str) -> Self {
        let description = format!("Missing mandatory attribute: {field}");
        Problem { field: Some(field.to_owned()), ..Problem::new(400, code, description) }
    }

    /// A field whose value will not do.
    pub fn invalid(status: u16, code: &'static str, field: &str, why: &str) -> Self {
        let description = format!("Invalid attribute value: {field}. {why}");
        Problem { field: Some(field.to_owned()), ..Problem::new(status, code, description) }
    }

    /// A field that must not be there.
    pub fn unexpected(field: &str) -> Self {
        let description = format!("Unexpected attribute: {field}");
        Problem { field: Some(field.to_owned()), ..Problem::new(400, "P0104", description) }
    }

    pub fn header(name: &'static str, why: &str) -> Self {
        let description = format!("Header [{name}] {why}");
        Problem { header: Some(name), ..Problem::new(422, "P0102", description) }
    }

    /// A fault that was ordered by status alone.
    pub fn ordered(status: u16) -> Self {
        match status {
            429 => Problem::new(429, "P0900", "Too many requests"),
            403 => Problem::new(
                403,
                "P0941",
                "GOV.UK Pay has disabled payment and refund creation on this account",
            ),
            400..=499 => Problem::new(status, "P0102", "Invalid attribute value"),
            503 => Problem::new(503, "P0999", "GOV.UK Pay is unavailable"),
            _ => Problem::new(status, "P0198", "Downstream system error"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut body = json!({ "code": self.code, "description": self.description });
        if let Some(field) = self.field {
            body["field"] = json!(field);
        }
        if let Some(header) = self.header {
            body["header"] = json!(header);
        }
        (status, Json(body)).into_response()
    }
}
