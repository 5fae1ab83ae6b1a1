//! The demonstration (below).
