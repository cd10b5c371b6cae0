//! .
pub struct EmbeddedStore;
