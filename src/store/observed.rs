//! .
pub struct ObservedStore;
