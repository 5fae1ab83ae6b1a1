//! What the platform says when it says no. A refusal is a value until the last moment, so that
//! rules can be tested without a server.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::sandbox::govuk_notify::phone::PhoneFault;

/// A refusal: a status, and one or more errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    pub errors: Vec<(String, String)>,
}

impl Refusal {
    pub fn new(status: StatusCode, error: &str, message: impl Into<String>) -> Self {
        Self { status, errors: vec![(error.to_owned(), message.into())] }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequestError", message)
    }

    pub fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "BadRequestError", message)
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationError", message)
    }

    /// Every problem found in a body or query.
    pub fn all_invalid(messages: Vec<String>) -> Self {
        let errors = messages.into_iter().map(|message| ("ValidationError".to_owned(), message));
        Self { status: StatusCode::BAD_REQUEST, errors: errors.collect() }
    }

    pub fn auth(status: StatusCode, message: &str) -> Self {
        Self::new(status, "AuthError", message)
    }

    pub fn phone(fault: PhoneFault) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidPhoneError", fault.message())
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NoResultFound", "No result found")
    }

    pub fn pdf_not_ready() -> Self {
        let message = "PDF not available yet, try again later";
        Self::new(StatusCode::BAD_REQUEST, "PDFNotReadyError", message)
    }

    pub fn too_many(error: &str, message: String) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, error, message)
    }

    /// The platform's own failure; `error` is the name of what it tripped over.
    pub fn internal(error: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error, "Internal server error")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let errors: Vec<_> = self
            .errors
            .iter()
            .map(|(error, message)| json!({"error": error, "message": message}))
            .collect();
        let body = json!({"errors": errors, "status_code": self.status.as_u16()});
        (self.status, Json(body)).into_response()
    }
}

/// An address that nobody answers at. These two are the only answers of another shape.
pub fn no_such_route() -> Response {
    let message = "The requested URL was not found on the server. If you entered the URL manually \
        please check your \
                   spelling and try again.";
    (StatusCode::NOT_FOUND, Json(json!({"message": message, "result": "error"}))).into_response()
}

pub fn wrong_method() -> Response {
    let message = "The method is not allowed for the requested URL.";
    let body = Json(json!({"message": message, "result": "error"}));
    (StatusCode::METHOD_NOT_ALLOWED, body).into_response()
}
