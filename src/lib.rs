//! Orgpass.
