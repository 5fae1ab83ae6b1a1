//! Systems that speak SOAP, 1.1 or 1.2: asked for their records (`soap_poll`), and told (`soap_push`).
//!
//! What goes is an envelope around a body that a definition or a mapping wrote; what comes is looked at
//! before anybody believes it: a fault is one whatever its status, and what is no envelope, or holds
//! another element than the one that was asked for, is no answer. Nothing is known here of WSDL: a
//! definition names the few elements that it needs.

pub mod answer;
pub mod caller;
pub mod envelope;
pub mod fault;
pub mod fragment;
pub mod poll;
pub mod push;
pub mod security;
pub mod settings;
